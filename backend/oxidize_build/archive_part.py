"""A static libpython without some of its built-in modules, and without what only these need.

Each module is an object of its own, which nothing refers to but the table of built-in modules; what it needs
of third-party libraries is then not linked either. The format is that which :mod:`archive` reads.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from oxidize_build.archive import ELF64, HEADER_SIZE, MAGIC, members, symbols

_INITIALISER = "PyInit_"
_INDEXES = (b"/ ", b"/SYM64/ ")
"""Names of members that list symbols."""


@dataclass(frozen=True, slots=True)
class _Member:
    """An object of the library."""

    start: int
    """Where its header begins, in bytes."""
    end: int
    defines: frozenset[str]
    needs: frozenset[str]


def write_part(library: Path, copy: Path, modules: Collection[str]) -> list[str]:
    """Write *copy*, the static *library* of an interpreter without the built-in *modules*.

    Returns those of *modules* that are left out, in order: not the ones whose objects are needed for
    something else. Their functions ``PyInit_NAME`` have to be defined elsewhere. Raises ValueError when the
    library is damaged.
    """
    data = bytearray(library.read_bytes())
    try:
        found = _read(data)
    except struct.error as error:
        raise ValueError(f"{library} is damaged: {error}") from error
    places = {name: index for index, member in enumerate(found) for name in member.defines}
    unwanted = {_INITIALISER + name for name in modules} & places.keys()
    reached = _reach(found, places, unwanted)
    with copy.open("wb") as file:
        file.write(MAGIC)
        for index, member in enumerate(found):
            if index in reached:
                file.write(data[member.start : member.end])
    left = (name for name in unwanted if places[name] not in reached)
    return sorted(name.removeprefix(_INITIALISER) for name in left)


def _read(data: bytearray) -> list[_Member]:
    found = []
    for start, end in members(data):
        defines: set[str] = set()
        needs: set[str] = set()
        if data.startswith(ELF64, start, end):
            for name, is_defined in symbols(data, start):
                (defines if is_defined else needs).add(name)
        elif bytes(data[start - HEADER_SIZE : start]).startswith(_INDEXES):
            continue  # which linkers do without when all members are linked
        found.append(_Member(start - HEADER_SIZE, end + end % 2, frozenset(defines), frozenset(needs)))
    return found


def _reach(found: list[_Member], places: Mapping[str, int], unwanted: Collection[str]) -> set[int]:
    """Return the numbers of the members that are needed when nobody asks for what is *unwanted*."""
    optional = {places[name] for name in unwanted}
    queue = [index for index, member in enumerate(found) if index not in optional and _is_root(member)]
    reached: set[int] = set()
    while queue:
        index = queue.pop()
        if index not in reached:
            reached.add(index)
            queue += [places[name] for name in found[index].needs - set(unwanted) if name in places]
    return reached


def _is_root(member: _Member) -> bool:
    """Whether a member is a part of the interpreter itself, or a module of its own."""
    return not member.defines or any(name.startswith(("Py", "_Py")) for name in member.defines)
