"""Find the profile that a command is about."""

from __future__ import annotations

from oxidize_build.errors import ProfileError
from oxidize_build.profile.model import Profile
from oxidize_build.profile.text import read_profiles
from oxidize_build.run import profile_of
from oxidize_build.settings import Settings
from oxidize_build.settings.suggestions import did_you_mean, listed


def choose_profile(settings: Settings, name: str | None) -> tuple[str, Profile]:
    """Return the profile of the executable *name*, by default of the only one of which there is one.

    Raises ProfileError when there is none, or more than one to choose from.
    """
    path = profile_of(settings, name or "")
    profiles = read_profiles(path)
    if name is None and len(profiles) == 1:
        ((only, profile),) = profiles.items()
        return only, profile
    if name is None:
        raise ProfileError(f"{path} has profiles of {listed(profiles)}", hint="name one of them")
    if name not in profiles:
        raise ProfileError(
            f"{path} has no profile of {name}, but of {listed(profiles)}{did_you_mean(name, profiles)}",
            hint=f"`oxidize trace {name}` runs it and adds one",
        )
    return name, profiles[name]
