"""A TOML table outside the model, of which oxidize reads some keys and leaves the rest to others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from oxidize_build.settings.faults import Faults, shown
from oxidize_build.settings.positions import KeyPath


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the file; every reader returns None (or nothing) for an absent or wrong value."""

    values: Mapping[str, object]
    path: KeyPath
    """Where it stands, empty for the file itself."""
    faults: Faults

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def fault(self, name: str, text: str) -> None:
        """Remember a fault of the value of *name*."""
        self.faults.add((*self.path, name), text)

    def table(self, name: str) -> Table:
        """Return the table *name*, an empty one when it is absent."""
        value = self.values.get(name, {})
        if not isinstance(value, dict):
            self.fault(name, f"found {shown(value)}, expected a table")
            value = {}
        return Table(cast("dict[str, object]", value), (*self.path, name), self.faults)

    def text(self, name: str) -> str | None:
        """Return the non-empty string *name*."""
        value = self.values.get(name)
        if value is None or (isinstance(value, str) and value.strip()):
            return value
        self.fault(name, f"found {shown(value)}, expected a non-empty string")
        return None

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the list of strings *name*."""
        value = self.values.get(name, [])
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        self.fault(name, f"found {shown(value)}, expected a list of strings")
        return ()
