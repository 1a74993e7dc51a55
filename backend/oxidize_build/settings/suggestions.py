"""Spelling: what somebody who wrote an unknown word may have meant."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: object, known: Iterable[object]) -> str:
    """Return ``; did you mean 'module'?`` for the *known* word nearest to *word*, or nothing."""
    if not isinstance(word, str):
        return ""
    import difflib  # noqa: PLC0415 (only faults need it, and every hook imports this module)

    words = [candidate for candidate in known if isinstance(candidate, str)]
    lowered = {candidate.lower(): candidate for candidate in sorted(words, reverse=True)}
    nearest = difflib.get_close_matches(word.lower(), lowered, n=1)
    return f"; did you mean {lowered[nearest[0]]!r}?" if nearest else ""


def listed(words: Iterable[str]) -> str:
    """Return *words* sorted and separated by commas, or ``none``."""
    return ", ".join(sorted(words)) or "none"


def one_of(values: Iterable[str]) -> str:
    """Return ``one of 'full', 'used'`` for *values*, in their order."""
    return f"one of {', '.join(map(repr, values))}"
