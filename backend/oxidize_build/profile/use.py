"""How the profile of a project shapes one of its executables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from oxidize_build.errors import SettingsError
from oxidize_build.image.format import Option
from oxidize_build.image.order import LAST, UNORDERED, UseOrder
from oxidize_build.image.writer import OptionValue
from oxidize_build.policy import PolicyResult, Pruning
from oxidize_build.policy.pruning import missing_from
from oxidize_build.profile.model import Profile
from oxidize_build.profile.text import portable_path, profile_path, read_profiles
from oxidize_build.resources import ExtensionModule, NamespacePackage, Resource, SourceModule
from oxidize_build.runtime.model import Runtime
from oxidize_build.settings import Build, Executable

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Layout:
    """What of an image depends on what traced runs have seen, or makes it tell what a run sees."""

    profile: Profile | None = None
    """By which it is ordered."""
    pruned: tuple[str, ...] = ()
    """Names of modules that are left out, and told so."""
    options: tuple[OptionValue, ...] = ()


PLAIN = Layout()


@dataclass(frozen=True, slots=True)
class ProfileUse:
    """What the profile of an executable is used for."""

    name: str
    """Of the profile's file."""
    profile: Profile | None = None
    pruning: Pruning | None = None
    traced: bool = False

    def warnings(self, resources: Iterable[Resource], runtime: Runtime) -> list[str]:
        """Return a line about modules of the profile that are there no more: it is of another version."""
        if self.pruning is None:
            return []
        missing = missing_from(
            self.pruning.profile, resources, runtime.builtin_modules | runtime.frozen_modules
        )
        if not missing:
            return []
        named = ", ".join(missing[:_MOST_NAMED]) + (", ..." if len(missing) > _MOST_NAMED else "")
        seen = f"{self.name} has seen {len(missing)} modules that are not there: {named}"
        return [f"warning: {seen}; trace again, or what has taken their place will be missing"]

    def layout(self, decided: PolicyResult) -> Layout:
        """Return the layout of an image of what the policy has *decided*."""
        options = [OptionValue(Option.TRACE)] if self.traced else []
        if self.pruning is None:
            return Layout(self.profile, options=tuple(options))
        pruned = sorted(_modules(decided.pruned) - _modules(decided.kept))
        if pruned:
            options.append(OptionValue(Option.PRUNED_BY, self.name))
        return Layout(self.profile, tuple(pruned), tuple(options))


def _modules(resources: Iterable[Resource]) -> set[str]:
    return {resource.name for resource in resources if isinstance(resource, SourceModule | ExtensionModule)}


def tracing(build: Build) -> Build:
    """Return *build* as it is to be traced: with everything in it that the program could use.

    Imports do not wait: what importing a module does beyond defining names is seen of all that are imported.
    """
    executable = replace(build.executable, prune="no", lazy_imports=False)
    return replace(build, traced=True, executable=executable)


def profile_use(build: Build, placed: frozenset[PurePosixPath]) -> ProfileUse:
    """Return what the project's profile is used for in *build*; *placed* are paths that the settings name.

    A traced build uses none.

    Raises ProfileError when the file is malformed, and SettingsError when the executable is to be pruned by
    what is not there.
    """
    path = profile_path(build.project, build.executable.profile)
    if build.traced:
        return ProfileUse(path.name, traced=True)
    profile = _find(path, build.executable)
    if profile is None or build.executable.prune != "profile":
        return ProfileUse(path.name, profile)
    return ProfileUse(path.name, profile, Pruning(profile, placed))


def _find(path: Path, executable: Executable) -> Profile | None:
    profiles = read_profiles(path) if path.is_file() else {}
    profile = profiles.get(executable.name)
    if profile is None and executable.prune == "profile":
        what = f"{path.name} knows no run of it" if profiles else f"there is no {path.name}"
        raise SettingsError(
            f"executable {executable.name}: found prune = 'profile', but {what}",
            hint=f"`oxidize trace {executable.name} -- ARGUMENT...` runs it and writes its profile",
        )
    return profile


def use_order(layout: Layout, resources: Sequence[Resource]) -> UseOrder:
    """Return the order in which a program of that *layout* uses *resources*, and what it lacks."""
    profile = layout.profile
    if profile is None:
        return UNORDERED
    paths = {portable_path(resource.path): str(resource.path) for resource in resources}
    used = (*profile.files, *profile.libraries)
    files = [paths[path] for path in used if path in paths]
    return UseOrder.of((module.name for module in profile.modules), files, layout.pruned)


def unpack_ahead(layout: Layout, resources: Sequence[Resource]) -> list[OptionValue]:
    """Return the option by which a start unpacks compressed modules before they are imported.

    It counts the modules that a program of that *layout* imports, as :func:`use_order` orders them. There is
    none where no traced run tells which these are, or where they are not compressed.
    """
    order = use_order(layout, resources)
    used = [
        resource
        for resource in resources
        if isinstance(resource, (SourceModule, ExtensionModule, NamespacePackage))
        and order.module(resource.name) != LAST
    ]
    bytecode = [module.bytecode for module in used if isinstance(module, SourceModule)]
    if not any(content and content.compressed for content in bytecode):
        return []
    return [OptionValue(Option.UNPACK_AHEAD, number=len(used))]
