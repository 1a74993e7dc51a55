"""A TOML table that is read key by key, and remembers every fault instead of stopping at the first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from oxidize_build.errors import SettingsError
from oxidize_build.settings.suggestions import did_you_mean, listed

SHOWN = 60


class Faults:
    """What is wrong with one file, in the order found."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._lines: list[str] = []

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, key: str, text: str) -> None:
        """Remember that the value at *key*, a full dotted key, is wrong in the way *text* says."""
        line = f"{key}: {text}"
        if line not in self._lines:  # a value may be looked at more than once
            self._lines.append(line)

    def raise_if_any(self) -> None:
        """Raise one SettingsError that tells all faults.

        :raises SettingsError: when there are any.
        """
        if len(self._lines) == 1:
            raise SettingsError(f"{self._file}: {self._lines[0]}")
        if self._lines:
            lines = "".join(f"\n  {line}" for line in self._lines)
            raise SettingsError(f"{self._file} has {len(self._lines)} faults:{lines}")


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the file; every reader returns None (or nothing) for an absent or wrong value."""

    values: Mapping[str, object]
    key: str
    """Full dotted key of the table, empty for the file itself."""
    faults: Faults

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def full_key(self, name: str) -> str:
        """Return the full dotted key of *name*."""
        return f"{self.key}.{name}" if self.key else name

    def fault(self, name: str, text: str) -> None:
        """Remember a fault of the value of *name*."""
        self.faults.add(self.full_key(name), text)

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Remember a fault for each key that is not among *known*."""
        known = tuple(known)
        for name in self.values.keys() - set(known):
            self.fault(name, f"unknown key; allowed here: {listed(known)}{did_you_mean(name, known)}")

    def table(self, name: str) -> Table:
        """Return the table *name*, an empty one when it is absent."""
        value = self.values.get(name, {})
        if not isinstance(value, dict):
            self.fault(name, f"found {shown(value)}, expected a table")
            value = {}
        return Table(cast("dict[str, object]", value), self.full_key(name), self.faults)

    def text(self, name: str) -> str | None:
        """Return the non-empty string *name*."""
        value = self.values.get(name)
        if value is None or (isinstance(value, str) and value.strip()):
            return value
        self.fault(name, f"found {shown(value)}, expected a non-empty string")
        return None

    def flag(self, name: str) -> bool:
        """Return the boolean *name*, false when it is absent."""
        value = self.values.get(name, False)
        if isinstance(value, bool):
            return value
        self.fault(name, f"found {shown(value)}, expected true or false")
        return False

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the list of strings *name*."""
        value = self.values.get(name, [])
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        self.fault(name, f"found {shown(value)}, expected a list of strings")
        return ()


def shown(value: object) -> str:
    """Return *value* as an error message shows it: in Python's notation, shortened."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
