from __future__ import annotations

from lazily.conditional import Other
from lazily.named import LIMIT, Thing


def annotated(thing: Thing) -> Thing:
    return LIMIT


def make():
    def inner(other: Other):
        return other

    return inner
