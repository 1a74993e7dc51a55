"""Spelling: what somebody who wrote an unknown word may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'module'?`` for the *known* word nearest to *word*, or nothing."""
    lowered = {candidate.lower(): candidate for candidate in sorted(known, reverse=True)}
    nearest = difflib.get_close_matches(word.lower(), lowered, n=1)
    return f"; did you mean {lowered[nearest[0]]!r}?" if nearest else ""


def listed(words: Iterable[str]) -> str:
    """Return *words* sorted and separated by commas, or ``none``."""
    return ", ".join(sorted(words)) or "none"
