"""Patterns of paths: those of gitignore with a leading slash.

``*`` and ``?`` stop at a slash, ``**/`` is any number of directories, and a pattern that matches a directory
matches all that is in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_MEANINGS = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_SPECIAL = re.compile(r"(\*\*/|\*\*|\*|\?)")


def compile_patterns(patterns: Iterable[str]) -> re.Pattern[str]:
    """Return the expression that fully matches the paths which one of *patterns* does."""
    return re.compile("|".join(f"{_expression(pattern)}(?:/.*)?" for pattern in patterns) or r"(?!)")


def _expression(pattern: str) -> str:
    parts = _SPECIAL.split(pattern)
    return "".join(_MEANINGS.get(part, re.escape(part)) for part in parts)
