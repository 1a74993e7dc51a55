"""Static libraries whose symbols stay inside the executable that they are linked into.

The format of archives is that of System V and GNU ``ar``; that of their members ELF for 64 bits, see
the System V gABI, chapter 4.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

MAGIC = b"!<arch>\n"
HEADER_SIZE = 60
_SIZE_FIELD = slice(48, 58)
ELF64 = b"\x7fELF\x02"
_SYMBOL_TABLE = 2  # SHT_SYMTAB
_SYMBOL_SIZE = 24
_GLOBAL_OR_WEAK = (1, 2)  # STB_GLOBAL, STB_WEAK
_HIDDEN = 2  # STV_HIDDEN


def write_hidden_copy(archive: Path, copy: Path) -> None:
    """Write *copy*, the same library as *archive* with each symbol that it defines made hidden.

    ``ld --exclude-libs`` has the same effect, but not every linker knows it. Members that are no ELF
    objects for 64 bits are copied as they are. Raises ValueError when *archive* is damaged, or is no
    static library.
    """
    data = bytearray(archive.read_bytes())
    try:
        for start, end in members(data):
            if data.startswith(ELF64, start, end):
                _hide_symbols(data, start)
    except struct.error as error:
        raise ValueError(f"{archive} is damaged: {error}") from error
    copy.write_bytes(data)


def exported_names(archive: Path) -> list[str]:
    """Return the names of what *archive* defines for other programs too: neither local nor hidden.

    Raises ValueError when *archive* is damaged, or is no static library.
    """
    data = bytearray(archive.read_bytes())
    names = set()
    try:
        for start, end in members(data):
            if data.startswith(ELF64, start, end):
                for symbol, name in _definitions(data, start):
                    if not data[symbol + 5] & 0b11:
                        names.add(data[name : data.index(0, name)].decode("ascii"))
    except struct.error as error:
        raise ValueError(f"{archive} is damaged: {error}") from error
    return sorted(names)


def symbols(data: bytearray, start: int) -> Iterator[tuple[str, bool]]:
    """Yield the symbols that the object at *start* shares with others, and whether it defines them."""
    for _, name, is_defined in _shared_symbols(data, start):
        yield data[name : data.index(0, name)].decode("ascii"), is_defined


def members(data: bytearray) -> Iterator[tuple[int, int]]:
    """Yield where the content of each member begins and ends."""
    if not data.startswith(MAGIC):
        raise ValueError("not a static library")
    position = len(MAGIC)
    while position + HEADER_SIZE <= len(data):
        header = data[position : position + HEADER_SIZE]
        start = position + HEADER_SIZE
        end = start + int(header[_SIZE_FIELD])
        if end > len(data):
            raise ValueError("a static library that ends too early")
        yield start, end
        position = end + end % 2


def _hide_symbols(data: bytearray, start: int) -> None:
    """Make hidden what the object that begins at *start* defines for others."""
    for symbol, _ in _definitions(data, start):
        data[symbol + 5] = (data[symbol + 5] & ~0b11) | _HIDDEN


def _definitions(data: bytearray, start: int) -> Iterator[tuple[int, int]]:
    """Yield where each symbol stands that the object at *start* defines for others, and where its name is."""
    for symbol, name, is_defined in _shared_symbols(data, start):
        if is_defined:
            yield symbol, name


def _shared_symbols(data: bytearray, start: int) -> Iterator[tuple[int, int, bool]]:
    """Yield where each symbol stands that others see, where its name is, and whether it is defined here."""
    (encoding,) = struct.unpack_from("B", data, start + 5)
    order = "<" if encoding == 1 else ">"
    (section_table,) = struct.unpack_from(f"{order}Q", data, start + 40)
    entry_size, count = struct.unpack_from(f"{order}HH", data, start + 58)
    sections = [start + section_table + index * entry_size for index in range(count)]
    for section in sections:
        kind, *_, offset, size, names = struct.unpack_from(f"{order}4xIQQQQI", data, section)
        if kind != _SYMBOL_TABLE:
            continue
        (strings,) = struct.unpack_from(f"{order}Q", data, start + section_table + names * entry_size + 24)
        for symbol in range(start + offset, start + offset + size, _SYMBOL_SIZE):
            name, info, _, defined_in = struct.unpack_from(f"{order}IBBH", data, symbol)
            if info >> 4 in _GLOBAL_OR_WEAK:
                yield symbol, start + strings + name, bool(defined_in)
