"""Tests that packages bring with them, of which an application has no use.

A directory ``tests`` or ``test`` of a package is left out, unless something that is packed refers to it:
by an import, in whatever function, or by a string that is its name or that of a module in it. Some
packages do: ``django.test`` is a part of Django that is called so, ``h5py`` runs its tests on demand, and
ansible looks for plug-ins in ``ansible.plugins.test``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from oxidize_build.collect import PYTHON
from oxidize_build.policy.imports import find_imports
from oxidize_build.resources import DataFile, ExtensionModule, Resource, SourceModule

DIRECTORIES = frozenset({"test", "tests"})
REASON = "tests of packages"

_MENTION = re.compile(
    rb"(?:import|from)\b(?:[^\n]|\\\n)*\btests?\b"
    rb"|import\s*\([^)]*\btests?\b"
    rb"|['\"][\w.:]*\btests?\b[\w.:]*['\"]"
)
"""What a source has that refers to such a directory: an import, or a string. Parsing takes longer."""
_IN_ENTRY_POINTS = re.compile(r"=\s*([\w.]+)")


def unused_tests(resources: Sequence[Resource], roots: Iterable[str]) -> set[PurePosixPath]:
    """Return the directories of tests that nothing among *resources* refers to.

    *roots* are names of modules that are needed in any case: what the executable runs.
    """
    packages = _test_packages(resources)
    inside: dict[PurePosixPath, list[SourceModule]] = {directory: [] for directory in packages}
    outside: list[SourceModule] = []
    for resource in resources:
        if isinstance(resource, SourceModule) and resource.origin != PYTHON:
            directory = outermost(resource.path, packages)
            (inside[directory] if directory else outside).append(resource)
    names = {name: directory for directory, name in packages.items()}
    pending = [*roots, *_plugins(resources)] if packages else []
    queue = outside if packages else []
    unused = set(packages)
    while queue or pending:
        found = {names[parent] for name in pending for parent in _and_parents(name) if parent in names}
        for directory in found & unused:
            unused.discard(directory)
            queue = [*queue, *inside[directory]]
        pending = _references(queue.pop()) if queue else []
    return unused


def outermost(path: PurePosixPath, directories: Iterable[PurePosixPath]) -> PurePosixPath | None:
    """Return the one of *directories* that *path* is in: of several, the one that holds the others."""
    wanted = set(directories)
    return next((parent for parent in reversed(path.parents) if parent in wanted), None)


def _test_packages(resources: Iterable[Resource]) -> dict[PurePosixPath, str]:
    """Return the outermost directories of tests that hold modules, and the names of these as packages."""
    found: dict[PurePosixPath, str] = {}
    for resource in resources:
        if not isinstance(resource, SourceModule | ExtensionModule) or resource.origin == PYTHON:
            continue
        directory = resource.path.parent
        package = resource.name if resource.is_package else resource.name.rpartition(".")[0]
        while package:
            if directory.name in DIRECTORIES:
                found[directory] = package
            directory, package = directory.parent, package.rpartition(".")[0]
    return {directory: name for directory, name in found.items() if outermost(directory, found) is None}


def _plugins(resources: Iterable[Resource]) -> list[str]:
    """Return the modules that ``entry_points.txt`` files name."""
    texts = (
        resource.content.read().decode("utf-8", "replace")
        for resource in resources
        if isinstance(resource, DataFile) and resource.path.name == "entry_points.txt"
    )
    return [name for text in texts for name in _IN_ENTRY_POINTS.findall(text)]


def _references(module: SourceModule) -> list[str]:
    source = module.content.read()
    if not _MENTION.search(source):
        return []
    imports = find_imports(source, module.name, is_package=module.is_package)
    return [*imports.names, *imports.texts]


def _and_parents(name: str) -> Iterable[str]:
    while name:
        yield name
        name = name.rpartition(".")[0]
