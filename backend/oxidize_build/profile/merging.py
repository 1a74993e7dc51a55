"""Several runs make one profile, which a further run changes only where it has something new to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from oxidize_build.profile.model import Profile, ProfiledModule

STABLE_FACTOR = 2
"""Times that differ by less are those of the same work on another day."""
STABLE_DIFFERENCE = 500
"""In microseconds, likewise."""


def merge(known: Profile, run: Profile) -> Profile:
    """Return *known* with what *run* has seen beyond it.

    What is known keeps its place; what is new stands behind what was used before it in its run. Of times the
    shorter one counts, since a busy machine only adds to them, but one that differs little is not replaced.
    """
    files = _ordered(known.files, run.files)
    libraries = _ordered(known.libraries, run.libraries)
    return Profile(_modules(known.modules, run.modules), files, libraries)


def _modules(known: Sequence[ProfiledModule], run: Sequence[ProfiledModule]) -> tuple[ProfiledModule, ...]:
    merged = list(known)
    places = {module.name: place for place, module in enumerate(merged)}
    behind = -1
    for module in run:
        place = places.get(module.name)
        if place is not None:
            merged[place] = _both(merged[place], module)
            behind = place
            continue
        # Behind the one that imported it as well, wherever that is
        behind = max(behind, places.get(module.parent or "", -1)) + 1
        merged.insert(behind, module)
        places = {other.name: number for number, other in enumerate(merged)}
    return tuple(merged)


def _both(known: ProfiledModule, run: ProfiledModule) -> ProfiledModule:
    return replace(
        known,
        own=_time(known.own, run.own),
        effects=tuple(sorted({*known.effects, *run.effects})),
        child=known.child and run.child,
    )


def _time(known: int, run: int) -> int:
    is_shorter = known > STABLE_FACTOR * run and known - run > STABLE_DIFFERENCE
    return run if is_shorter or not known else known


def _ordered(known: Sequence[str], run: Sequence[str]) -> tuple[str, ...]:
    merged = list(known)
    present = set(known)
    behind = -1
    for item in run:
        if item in present:
            behind = merged.index(item)
        else:
            behind += 1
            merged.insert(behind, item)
            present.add(item)
    return tuple(merged)
