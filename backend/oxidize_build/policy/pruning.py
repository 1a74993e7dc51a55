"""What a profile has not seen: ``prune = "profile"``.

Kept are the modules that traced runs have imported, what the interpreter itself may need to start in any
locale and to report an error, and what an executable runs; data files that were looked at, those that the
settings name one by one, and those that rules place elsewhere than in the executable, of distributions of
which something is kept; the metadata of all of these; shared libraries of distributions that have an
extension module left. What a rule includes stays, with the packages that it is in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from oxidize_build.collect import PYTHON
from oxidize_build.policy.imports import find_imports
from oxidize_build.profile import Profile
from oxidize_build.profile.text import portable_path
from oxidize_build.resources import (
    DataFile,
    ExtensionModule,
    NamespacePackage,
    Resource,
    SharedLibrary,
    SourceModule,
)
from oxidize_build.runtime.model import Runtime

FOR_REPORTS = ("ast", "linecache", "tokenize", "traceback", "warnings")
"""What the interpreter imports to show a traceback or a warning."""
ENCODINGS = "encodings"
TRANSFORMS = frozenset(
    {"base64_codec", "bz2_codec", "hex_codec", "idna", "quopri_codec", "uu_codec", "zlib_codec"}
)
"""Modules of ``encodings`` that are no encoding of a locale, and import others."""

REASON = "not used by any traced run"
_METADATA = (".dist-info", ".egg-info")


@dataclass(frozen=True, slots=True)
class Pruning:
    """What is to be kept of an executable."""

    profile: Profile
    placed: frozenset[PurePosixPath] = frozenset()
    """Paths of the files that the settings name."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What rules say of resources."""

    included: Sequence[Resource]
    """What they include."""
    moved: Sequence[Resource]
    """What they place elsewhere than in the executable. Its use is not seen."""


class Unused:
    """Tells what of an executable's resources is not used."""

    def __init__(
        self,
        pruning: Pruning,
        resources: Sequence[Resource],
        asked: Asked,
        roots: Iterable[str],
        runtime: Runtime,
    ) -> None:
        stdlib = [resource for resource in resources if resource.origin == PYTHON]
        included = [r.name for r in asked.included if isinstance(r, SourceModule | ExtensionModule)]
        run = [name for root in roots for name in (root, f"{root}.__main__")]
        seen = {*pruning.profile.names(), *included, *run}
        self._modules = {parent for name in seen for parent in _and_parents(name)}
        self._modules |= needed_by_interpreter(stdlib, runtime)
        self._files = {*pruning.profile.files, *pruning.profile.libraries}
        self._placed = pruning.placed
        self._elsewhere = {resource.origin for resource in asked.moved}
        self._metadata = {
            directory
            for resource in resources
            if self._is_looked_at(resource) and (directory := _metadata_directory(resource.path))
        }
        kept = [resource for resource in resources if self._is_kept_by_itself(resource)]
        self._origins = {resource.origin for resource in kept}
        self._with_extensions = {r.origin for r in kept if isinstance(r, ExtensionModule)}

    def reason(self, resource: Resource) -> str | None:
        """Return why *resource* is left out; None if it is kept."""
        return None if isinstance(resource, NamespacePackage) or self._is_kept(resource) else REASON

    def _is_kept(self, resource: Resource) -> bool:
        if self._is_kept_by_itself(resource):
            return True
        if isinstance(resource, DataFile) and resource.origin in self._elsewhere:
            return resource.origin in self._origins
        if isinstance(resource, SharedLibrary):
            return resource.origin in self._with_extensions
        directory = _metadata_directory(resource.path)
        return directory is not None and (directory in self._metadata or resource.origin in self._origins)

    def _is_kept_by_itself(self, resource: Resource) -> bool:
        if isinstance(resource, SourceModule | ExtensionModule):
            return resource.name in self._modules
        return resource.path in self._placed or self._is_looked_at(resource)

    def _is_looked_at(self, resource: Resource) -> bool:
        return isinstance(resource, DataFile | SharedLibrary) and portable_path(resource.path) in self._files


def needed_by_interpreter(stdlib: Iterable[Resource], runtime: Runtime) -> set[str]:
    """Return what of the standard library the interpreter may import without being told to.

    That is what is frozen into it, of which the source is packed, what it reports errors with, and the
    encodings that a locale may have, each with all that their bodies import.
    """
    modules = {r.name: r for r in stdlib if isinstance(r, SourceModule | ExtensionModule)}
    found: set[str] = set()
    queue = list(FOR_REPORTS)
    queue += [name for name in modules if name.partition(".")[0] == ENCODINGS and not _is_transform(name)]
    while queue:
        name = queue.pop()
        if name in found or name not in modules:
            continue
        found.add(name)
        module = modules[name]
        if isinstance(module, SourceModule):
            source = module.content.read()
            queue += find_imports(source, name, is_package=module.is_package, in_functions=False).names
    # C code of the codecs imports what they have in common
    found |= {"_multibytecodec"} & modules.keys()
    return found | runtime.frozen_modules


def _is_transform(name: str) -> bool:
    return name.partition(".")[2] in TRANSFORMS


def missing_from(profile: Profile, resources: Iterable[Resource], builtin: Collection[str]) -> list[str]:
    """Return the modules that *profile* has seen and that are there no more."""
    present = {
        resource.name
        for resource in resources
        if isinstance(resource, SourceModule | ExtensionModule | NamespacePackage)
    }
    return [module.name for module in profile.modules if module.name not in present | set(builtin)]


def _metadata_directory(path: PurePosixPath) -> PurePosixPath | None:
    return next((parent for parent in path.parents if parent.name.endswith(_METADATA)), None)


def _and_parents(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.rpartition(".")[0]
