"""Looks into its own namespace."""

from lazily.named import LIMIT, Thing


def names():
    return sorted(name for name in globals() if name in {"LIMIT", "Thing"})


def unused():
    return LIMIT, Thing
