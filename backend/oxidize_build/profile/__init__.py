"""What traced runs of executables have seen: the profile file of a project, its reader and writer."""

from oxidize_build.profile.model import EMPTY, Effect, Profile, ProfiledModule
from oxidize_build.profile.text import DEFAULT_NAME, read_profiles, write_profiles

__all__ = ["DEFAULT_NAME", "EMPTY", "Effect", "Profile", "ProfiledModule", "read_profiles", "write_profiles"]
