"""Resources that are real files at run time: beside the executable, or unpacked into a cache of the user.

A distribution is placed as a whole, as far as it stands among the modules: its modules and data files find
each other by their paths. Of the standard library that is a module or package at the top.

Beside the executable ``NAME`` stands ``NAME.d``, with the directories that the tree in the executable has,
and a file ``tree-KEY`` that shows whether the two belong together. Files for the cache are in the image,
below a directory of their own, and the stub unpacks them (stub/extract.c). Either way modules are found
by ``sys.path``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from oxidize_build.beside import MARKER, TREE_SUFFIX
from oxidize_build.cache import cache_key
from oxidize_build.collect import PYTHON
from oxidize_build.errors import SettingsError
from oxidize_build.image.format import EXTRACTED_DIRECTORY, Option
from oxidize_build.image.writer import OptionValue, bytecode_path
from oxidize_build.resources import (
    Content,
    DataFile,
    ExtensionModule,
    NamespacePackage,
    Placement,
    Resource,
    SharedLibrary,
    SourceModule,
)
from oxidize_build.runtime.model import Runtime

FILE_TIME = 315532800
"""1980-01-01: the time of all files, as in the executable."""
_KEY_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Placed:
    """Resources by their places, and how the executable is told of them."""

    packed: tuple[Resource, ...]
    """What goes into the image, files to be unpacked included."""
    beside: tuple[DataFile, ...]
    """Files of the install tree."""
    options: tuple[OptionValue, ...]
    """Options of the image about all this, the search path included."""


def settle(resources: Iterable[Resource], runtime: Runtime) -> list[Resource]:
    """Return *resources*, with what belongs together in one place.

    Raises SettingsError when a distribution is to be in two places outside memory.
    """
    collected = list(resources)
    wanted: dict[tuple[str, str], Placement] = {}
    elsewhere = [resource for resource in collected if _placement(resource) is not Placement.MEMORY]
    if not elsewhere:
        return collected
    for resource in elsewhere:
        unit = _unit(resource, runtime)
        if unit is None or isinstance(resource, NamespacePackage):
            continue
        if wanted.setdefault(unit, resource.placement) is not resource.placement:
            raise SettingsError(
                f"tool.oxidize.rules: {resource.origin} is placed in two ways, {wanted[unit]} and "
                f"{resource.placement}",
                hint="a distribution is placed as a whole",
            )
    return [_moved(resource, wanted.get(_unit(resource, runtime) or ("", ""))) for resource in collected]


def place(resources: Sequence[Resource], name: str, runtime: Runtime) -> Placed:
    """Return what of *resources*, which are compiled, goes where in the executable of that *name*."""
    memory = [resource for resource in resources if _placement(resource) is Placement.MEMORY]
    beside = files_of((r for r in resources if _placement(r) is Placement.FILESYSTEM), runtime)
    extracted = files_of((r for r in resources if _placement(r) is Placement.EXTRACT), runtime)
    tree = f"{name}{TREE_SUFFIX}"
    options: list[OptionValue] = []
    if beside:
        options.append(OptionValue(Option.INSTALL_TREE, f"{tree}/{MARKER}{tree_key(beside)}"))
    if extracted:
        options.append(OptionValue(Option.EXTRACTION, f"{name}/{tree_key(extracted)}"))
    for root in runtime.module_roots:
        options.append(OptionValue(Option.SEARCH_PATH, str(root)))
        if any(_root(file.path, runtime) == root for file in beside):
            options.append(OptionValue(Option.SEARCH_BESIDE, f"{tree}/{root}"))
        if any(_root(file.path, runtime) == root for file in extracted):
            options.append(OptionValue(Option.SEARCH_EXTRACTED, str(root)))
    unpacked = [replace(file, path=EXTRACTED_DIRECTORY / file.path) for file in extracted]
    return Placed((*_without_empty(memory), *unpacked), tuple(beside), tuple(options))


def files_of(resources: Iterable[Resource], runtime: Runtime) -> list[DataFile]:
    """Return the files that *resources* are to an ordinary interpreter, in order of path."""
    files: list[DataFile] = []
    for resource in resources:
        match resource:
            case NamespacePackage():
                continue
            case SourceModule():
                if resource.packs_source:
                    files.append(_file(resource, executable=resource.executable))
                if resource.bytecode is not None:
                    path = bytecode_path(resource, runtime.cache_tag)
                    files.append(replace(_file(resource), path=path, content=resource.bytecode))
            case DataFile():
                files.append(_file(resource, executable=resource.executable))
            case ExtensionModule() | SharedLibrary():
                files.append(_file(resource, executable=True))
    return sorted(files, key=lambda file: file.path)


def tree_key(files: Iterable[DataFile]) -> str:
    """Return a digest of the paths, contents and rights of *files*."""
    parts = (
        (str(file.path), file.content.sha256(), str(file.executable))
        for file in sorted(files, key=lambda file: file.path)
    )
    return cache_key(*(part for file in parts for part in file))[:_KEY_LENGTH]


def write_tree(files: Sequence[DataFile], directory: Path) -> None:
    """Write the install tree of *files* as *directory*, which does not exist."""
    directory.mkdir()
    for file in [*files, DataFile(PurePosixPath(f"{MARKER}{tree_key(files)}"), Content(b""), PYTHON)]:
        path = directory / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as stream:
            for chunk in file.content.chunks():
                stream.write(chunk)
        path.chmod(0o755 if file.executable else 0o644)
    for path in [*directory.rglob("*"), directory]:
        os.utime(path, (FILE_TIME, FILE_TIME))
        if path.is_dir():
            path.chmod(0o755)


def read_tree(directory: Path) -> list[DataFile]:
    """Return the files of the install tree *directory*, but for that which shows whose it is."""
    return [
        DataFile(
            PurePosixPath(path.relative_to(directory).as_posix()),
            Content(path),
            PYTHON,
            executable=os.access(path, os.X_OK),
        )
        for path in sorted(directory.rglob("*"))
        if path.is_file() and not (path.parent == directory and path.name.startswith(MARKER))
    ]


def _placement(resource: Resource) -> Placement:
    return Placement.MEMORY if isinstance(resource, NamespacePackage) else resource.placement


def _file(
    resource: DataFile | SourceModule | ExtensionModule | SharedLibrary, *, executable: bool = False
) -> DataFile:
    return DataFile(
        resource.path, resource.content, resource.origin, executable, compression=resource.compression
    )


def _root(path: PurePosixPath, runtime: Runtime) -> PurePosixPath | None:
    """Return the directory of ``sys.path`` that *path* is in: the innermost one."""
    roots = [root for root in runtime.module_roots if root in path.parents]
    return max(roots, key=lambda root: len(root.parts)) if roots else None


def _unit(resource: Resource, runtime: Runtime) -> tuple[str, str] | None:
    """Return what tells the resources that stay together with *resource*; None if it may be anywhere."""
    root = _root(resource.path, runtime)
    if root is None:
        return None
    top = resource.path.relative_to(root).parts[0] if resource.origin == PYTHON else ""
    return resource.origin, top


def _moved(resource: Resource, placement: Placement | None) -> Resource:
    if isinstance(resource, NamespacePackage):
        return resource
    # The stub stands in for zipimport; extension modules of the standard library may need libraries that
    # are packed
    if resource.origin == PYTHON and (
        isinstance(resource, ExtensionModule | SharedLibrary) or resource.path.name == "zipimport.py"
    ):
        placement = Placement.MEMORY
    return resource if placement in {None, resource.placement} else replace(resource, placement=placement)


def _without_empty(resources: Sequence[Resource]) -> list[Resource]:
    """Return *resources* without the namespace packages whose modules are all elsewhere."""
    in_use = {
        parent
        for resource in resources
        if isinstance(resource, SourceModule | ExtensionModule)
        for parent in resource.path.parents
    }
    return [r for r in resources if not isinstance(r, NamespacePackage) or r.path in in_use]
