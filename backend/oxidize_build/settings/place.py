"""Where a value stands while it is read, and what it is judged by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from oxidize_build.settings.faults import Faults, shown
from oxidize_build.settings.positions import KeyPath


class RefusedError(ValueError):
    """A text cannot be taken; the message goes on after the value: ``but the project has no such file``."""


@dataclass(frozen=True, slots=True)
class Context:
    """The project, as far as values are judged by it."""

    project: Path
    """Absolute path of the directory of pyproject.toml."""
    pyproject: Mapping[str, object]
    """All of pyproject.toml."""
    check_files: bool = True
    """Whether files that the settings name have to be there."""


@dataclass(frozen=True, slots=True)
class Place:
    """The place of one value."""

    path: KeyPath
    faults: Faults
    context: Context

    def at(self, key: str | int) -> Place:
        """Return the place of what stands at *key* of the table or array at this place."""
        return replace(self, path=(*self.path, key))

    def fault(self, text: str) -> None:
        """Remember a fault of the value."""
        self.faults.add(self.path, text)

    def refuse(self, value: object, expected: str) -> None:
        """Remember that *value* is not what is *expected*."""
        self.fault(f"found {shown(value)}, expected {expected}")
