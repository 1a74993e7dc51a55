"""The order of what is packed: by first use as far as that is known. What a start needs is then together."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

LAST = sys.maxsize
"""Rank of what is not known to be used."""


@dataclass(frozen=True, slots=True)
class UseOrder:
    """Ranks of modules and files; of equal ones the writer chooses."""

    modules: dict[str, int] = field(default_factory=dict)
    """By name."""
    files: dict[str, int] = field(default_factory=dict)
    """By path in the tree."""
    pruned: tuple[str, ...] = ()
    """Names of modules that have been left out since they are not used, and are told so."""

    @classmethod
    def of(cls, modules: Iterable[str], files: Iterable[str], pruned: Iterable[str] = ()) -> UseOrder:
        """Return the order in which *modules* and *files* stand, without those *pruned*."""
        return cls(_ranks(modules), _ranks(files), tuple(pruned))

    def module(self, name: str) -> int:
        """Return the rank of the code of the module *name*."""
        return self.modules.get(name, LAST)

    def file(self, path: str) -> int:
        """Return the rank of the file at *path*."""
        return self.files.get(path, LAST)


def _ranks(names: Iterable[str]) -> dict[str, int]:
    return {name: rank for rank, name in enumerate(dict.fromkeys(names))}


UNORDERED = UseOrder()
