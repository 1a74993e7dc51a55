"""Which packed modules may be imported lazily: as the settings have it, if it has no effect."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TypeAlias

from oxidize_build.image.format import Option
from oxidize_build.image.writer import OptionValue
from oxidize_build.resources import ExtensionModule, NamespacePackage, Placement, Resource, SourceModule

EFFECTS = (
    "_distutils_hack",
    "antigravity",
    "encodings",
    "readline",
    "rlcompleter",
    "site",
    "sitecustomize",
    "this",
    "usercustomize",
)
"""Modules that are imported for what happens then, each with everything below it."""


LazyRequest: TypeAlias = dict[str, str | bool | list[str]]
"""What the worker that compiles is told of a module, see ``_compile_worker.py``."""


@dataclass(frozen=True)
class LazyTargets:
    """Which modules an executable has."""

    packed: frozenset[str]
    lazy: frozenset[str]
    """Those of them that may be imported lazily."""

    def request(self, importer: SourceModule) -> LazyRequest | None:
        """Return what compiling *importer* takes; None if its import statements do not wait.

        That is only what its source can speak of: its bytecode is then the same in other executables.
        """
        if importer.name == "__main__":  # which others look into, to pickle and to start processes
            return None
        top = importer.name.partition(".")[0]
        words = _words(importer.content.read())
        packed = sorted(
            name
            for word in words & self._by_last_part.keys()
            for name in self._by_last_part[word]
            if (first := name.partition(".")[0]) == top or first in words
        )
        lazy = [name for name in packed if name in self.lazy]
        if not lazy:
            return None
        return {"name": importer.name, "package": importer.is_package, "packed": packed, "lazy": lazy}

    @cached_property
    def _by_last_part(self) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        for name in self.packed:
            names.setdefault(name.rpartition(".")[2], []).append(name)
        return names


def _words(source: bytes) -> set[str]:
    """Return what may be names in *source*, and more."""
    return set(source.translate(_TO_WORDS).decode("utf-8", "replace").split(" "))


_TO_WORDS = bytes(
    byte if byte >= 0x80 or chr(byte).isalnum() or chr(byte) == "_" else ord(" ") for byte in range(256)
)


def lazy_targets(
    setting: bool | tuple[str, ...],
    resources: Iterable[Resource],
    with_effects: Iterable[str] = (),
) -> LazyTargets | None:
    """Return which of the modules among *resources* may be imported lazily; None if *setting* is false.

    *with_effects* are modules whose import was seen to have effects. Only what is in the executable is there
    for certain when it is needed; anything else is looked for, and found missing, where the statement is.
    """
    if not setting:
        return None
    patterns = setting if isinstance(setting, tuple) else ("*",)
    effects = frozenset(with_effects)
    packed: set[str] = set()
    lazy: set[str] = set()
    for resource in resources:
        if not isinstance(resource, (SourceModule, ExtensionModule, NamespacePackage)):
            continue
        packed.add(resource.name)
        is_inside = isinstance(resource, NamespacePackage) or resource.placement is Placement.MEMORY
        if is_inside and _within(resource.name, patterns) and not _within(resource.name, EFFECTS):
            lazy.add(resource.name)
    return LazyTargets(frozenset(packed), frozenset(lazy - effects - {"__main__"}))


def lazy_options(targets: LazyTargets | None) -> list[OptionValue]:
    """Return the options by which the stub is told."""
    return [OptionValue(Option.LAZY_IMPORTS)] if targets else []


def _within(name: str, patterns: Iterable[str]) -> bool:
    """Whether *name* is, or is in, a module that a pattern names."""
    while name:
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            return True
        name = name.rpartition(".")[0]
    return False
