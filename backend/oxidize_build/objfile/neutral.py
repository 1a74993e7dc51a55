"""Take the directories of the machine that compiled something out of its bytes."""

from __future__ import annotations

import os
from collections.abc import Iterable

_NEUTRAL = b"/python"


def without_paths(data: bytes, paths: Iterable[str]) -> bytes:
    """Return *data* with a neutral directory of the same length in the place of the one that holds each path.

    Code contains the prefix that it was configured with, and the names of its source files. Further
    slashes leave a path what it is. The last component of each path stays: linkers let a string
    that is the tail of another one share its bytes, as the version ``3.13.0`` does those of the
    prefix ``/opt/3.13.0``.
    """
    for path in map(os.fsencode, paths):
        parent = path[: path.rindex(b"/")]
        neutral = _NEUTRAL.ljust(len(parent), b"/")[: len(parent)]
        data = data.replace(path, neutral + path[len(parent) :])
    return data
