"""What is wrong with one file: all of it, told at once, each fault with its line."""

from __future__ import annotations

import re
from collections.abc import Mapping

from oxidize_build.errors import SettingsError
from oxidize_build.settings.positions import KeyPath, locate

SHOWN = 60

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Faults:
    """The faults of *file*, whose content is *text*."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._text = text
        self._faults: dict[tuple[KeyPath, str], None] = {}  # a value may be looked at more than once

    def add(self, path: KeyPath, text: str) -> None:
        """Remember that what stands at *path* is wrong in the way *text* says."""
        self._faults[path, text] = None

    def raise_if_any(self) -> None:
        """Raise one SettingsError that tells all faults, in order of their lines.

        :raises SettingsError: when there are any.
        """
        if not self._faults:
            return
        lines = locate(self._text)
        told = sorted((_line(path, lines), f"{dotted(path)}: {text}") for path, text in self._faults)
        messages = [f"{self._file}{f':{line}' if line else ''}: {text}" for line, text in told]
        if len(messages) == 1:
            raise SettingsError(messages[0])
        listing = "".join(f"\n  {message}" for message in messages)
        raise SettingsError(f"{self._file} has {len(messages)} faults:{listing}")


def _line(path: KeyPath, lines: Mapping[KeyPath, int]) -> int:
    """Return the line of *path*, or of the innermost table around it that the file has; 0 without any."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 0)


def dotted(path: KeyPath) -> str:
    """Return *path* as TOML writes keys, an item of an array by its index: ``rules[0].kind``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if _BARE_KEY.fullmatch(part) else f'"{part}"'
            text += f".{name}" if text else name
    return text


def shown(value: object) -> str:
    """Return *value* as an error message shows it: as TOML writes it, shortened."""
    text = _written(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{dotted((key,))} = {_written(item)}' for key, item in value.items())}}}"
    return repr(value) if isinstance(value, str) else str(value)
