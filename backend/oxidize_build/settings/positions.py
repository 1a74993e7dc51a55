"""Where in a TOML file its keys stand: for messages about values that tomllib has read without saying so.

https://toml.io/en/v1.0.0
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys from the file's root on; an integer is the index of an array's item."""

_BLANK = re.compile(r"(?:\s|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:[^"\\]|\\.)*"'
    r"|'[^']*'",
    re.DOTALL,
)
_OTHER_VALUE = re.compile(r"[^,\]}#\n]+")


def locate(text: str) -> Mapping[KeyPath, int]:
    """Return the line, from 1 on, of every table, key and array item of *text*.

    A table has the line in which it is named first. *text* must be TOML that tomllib reads.
    """
    scanner = _Scanner(text)
    scanner.document()
    return {path: text.count("\n", 0, at) + 1 for path, at in scanner.found.items()}


class _Scanner:
    """Reads what tells where keys are, and passes over all else."""

    def __init__(self, text: str) -> None:
        self.found: dict[KeyPath, int] = {}
        self._text = text
        self._at = 0
        self._lengths: dict[KeyPath, int] = {}
        """Arrays of tables, and how many of theirs there have been."""

    def document(self) -> None:
        table: KeyPath = ()
        while self._skip_blank():
            if self._text.startswith("[", self._at):
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> KeyPath:
        start = self._at
        brackets = 2 if self._text.startswith("[[", start) else 1
        self._at += brackets
        *parents, name = self._key()
        self._at += brackets
        path: KeyPath = ()
        for parent in parents:
            path = self._last((*path, parent))
            self.found.setdefault(path, start)
        path = (*path, name)
        self.found.setdefault(path, start)
        if brackets == 2:
            self._lengths[path] = self._lengths.get(path, 0) + 1
        path = self._last(path)
        self.found.setdefault(path, start)
        return path

    def _last(self, path: KeyPath) -> KeyPath:
        """Return the table that a header means by *path*: of an array of tables, the last one so far."""
        return (*path, self._lengths[path] - 1) if path in self._lengths else path

    def _pair(self, table: KeyPath) -> None:
        start = self._at
        path = table
        for name in self._key():
            path = (*path, name)
            self.found.setdefault(path, start)
        self._at += 1  # the equals sign
        self._match(_SPACE)
        self._value(path)

    def _key(self) -> list[str]:
        names: list[str] = []
        while True:
            self._match(_SPACE)
            quoted = self._text[self._at] in "\"'"
            token = self._match(_STRING if quoted else _BARE_KEY)
            names.append(tomllib.loads(f"key = {token}")["key"] if quoted else token)
            self._match(_SPACE)
            if not self._text.startswith(".", self._at):
                return names
            self._at += 1

    def _value(self, path: KeyPath) -> None:
        first = self._text[self._at]
        if first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        else:
            self._match(_STRING if first in "\"'" else _OTHER_VALUE)

    def _array(self, path: KeyPath) -> None:
        self._at += 1
        index = 0
        while not self._ends("]"):
            self.found[*path, index] = self._at
            self._value((*path, index))
            index += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        while not self._ends("}"):
            self._pair(path)

    def _ends(self, closing: str) -> bool:
        """Go on to the next item of an array or inline table, or past its end; tell whether that was it."""
        self._skip_blank()
        if self._text[self._at] == ",":
            self._at += 1
            self._skip_blank()
        ended = self._text[self._at] == closing
        self._at += ended
        return ended

    def _skip_blank(self) -> bool:
        self._match(_BLANK)
        return self._at < len(self._text)

    def _match(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise ValueError(f"not TOML: {self._text[self._at : self._at + 20]!r}")
        self._at = match.end()
        return match[0]
