"""What the model's annotations say of a value beyond its type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from oxidize_build.settings.place import Context


@dataclass(frozen=True, slots=True)
class Text:
    """A string of a certain form."""

    expected: str
    """The form in words, as an error message goes on after ``expected``."""
    pattern: str
    """Regular expression of all of it, in what Python and ECMA 262 have in common."""
    convert: Callable[[str, Context], object] | None = None
    """Returns what the text stands for; raises RefusedError."""
    examples: tuple[str, ...] = ()
    """Well-known values, for suggestions."""


@dataclass(frozen=True, slots=True)
class OrOne:
    """A list, for which its only item may be written."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The names in a table of the user's own names."""

    placeholder: str
    """What stands for a name in documentation."""
    expected: str = "a name"
    pattern: str = r".*\S.*"
    """Regular expression of all of it."""
