"""Take the run path, which names directories of the machine that linked it, out of an ELF object."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from oxidize_build.objfile.elf_format import (
    DT_NULL,
    DT_RPATH,
    DT_RUNPATH,
    DT_STRTAB,
    DYNAMIC_ENTRY,
    PT_DYNAMIC,
    PT_LOAD,
    SHT_DYNSYM,
    SHT_GNU_VERDEF,
    SHT_GNU_VERNEED,
    STRING_TAGS,
    SYMBOL,
    VERSION_DEFINITION,
    VERSION_DEFINITION_NAME,
    VERSION_NEED,
    VERSION_NEED_NAME,
    DynamicEntry,
    ElfFile,
    SectionHeader,
    opened,
)

_RUN_PATHS = frozenset({DT_RPATH, DT_RUNPATH})


def without_runpath(data: bytes) -> bytes:
    """Return the object file *data* without DT_RUNPATH and DT_RPATH.

    The entries after them move up, and the text of the paths is overwritten with zeros except where
    another name shares its tail (linkers merge strings that end alike). The size stays. An object
    without section headers, which say where names are used, keeps the text.

    Raises ImageError if *data* is not a 64-bit little-endian ELF file, or is damaged.
    """
    with opened(data) as elf:
        start, entries = _dynamic_entries(elf)
        kept = [entry for entry in entries if entry.tag not in _RUN_PATHS]
        if len(kept) == len(entries):
            return data
        unused = list(_unused_text(elf, data, entries))
    result = bytearray(data)
    end = start + len(entries) * DYNAMIC_ENTRY.size
    result[start:end] = b"".join(entry.pack() for entry in kept).ljust(end - start, b"\0")
    for text in unused:
        result[text.start : text.stop] = bytes(len(text))
    return bytes(result)


def _dynamic_entries(elf: ElfFile) -> tuple[int, list[DynamicEntry]]:
    """Return the file offset of the dynamic segment, and its entries before the first DT_NULL."""
    for segment in elf.segments():
        if segment.type == PT_DYNAMIC:
            break
    else:
        return 0, []
    size = segment.filesz // DYNAMIC_ENTRY.size * DYNAMIC_ENTRY.size
    entries: list[DynamicEntry] = []
    for fields in DYNAMIC_ENTRY.iter_unpack(elf.read(segment.offset, size, "the dynamic segment")):
        entry = DynamicEntry._make(fields)
        if entry.tag == DT_NULL:
            break
        entries.append(entry)
    return segment.offset, entries


def _unused_text(elf: ElfFile, data: bytes, entries: list[DynamicEntry]) -> Iterator[range]:
    """Yield where in the file the text stands that only the run paths among *entries* use."""
    sections = elf.sections()
    if not sections:
        return
    strings = _string_table(elf, entries)
    other = {entry.value for entry in entries if entry.tag in STRING_TAGS - _RUN_PATHS}
    used = sorted(strings + name for name in other.union(_symbol_and_version_names(elf, sections)))
    for entry in entries:
        if entry.tag in _RUN_PATHS:
            begin = strings + entry.value
            end = _end_of_string(elf, data, begin)
            before = max((name for name in used if name < begin), default=None)
            if before is None or _end_of_string(elf, data, before) < begin:
                yield range(begin, min((name for name in used if begin <= name < end), default=end))


def _end_of_string(elf: ElfFile, data: bytes, begin: int) -> int:
    end = data.find(b"\0", begin)
    if end < 0:
        raise elf.malformed(f"the string at byte {begin} does not end")
    return end


def _string_table(elf: ElfFile, entries: list[DynamicEntry]) -> int:
    """Return the file offset of the string table of the dynamic section."""
    for entry in entries:
        if entry.tag == DT_STRTAB:
            for segment in elf.segments():
                if segment.type == PT_LOAD and 0 <= entry.value - segment.vaddr < segment.filesz:
                    return segment.offset + entry.value - segment.vaddr
    raise elf.malformed("its dynamic segment names no string table")


def _symbol_and_version_names(elf: ElfFile, sections: list[SectionHeader]) -> Iterator[int]:
    """Yield the offsets into the string table of all names of dynamic symbols and versions."""
    readers = {
        SHT_DYNSYM: _symbol_names,
        SHT_GNU_VERNEED: _needed_version_names,
        SHT_GNU_VERDEF: _defined_version_names,
    }
    for section in sections:
        if section.type in readers:
            table = elf.read(section.offset, section.size, "the dynamic symbol or version table")
            yield from readers[section.type](table)


def _symbol_names(table: bytes) -> Iterator[int]:
    whole = len(table) // SYMBOL.size * SYMBOL.size
    return (fields[0] for fields in SYMBOL.iter_unpack(table[:whole]))


def _needed_version_names(table: bytes) -> Iterator[int]:
    for start, (_version, _count, file, names, _next) in _chain(table, 0, VERSION_NEED):
        yield file
        for _start, (_hash, _flags, _other, name, _next_name) in _chain(
            table, start + names, VERSION_NEED_NAME
        ):
            yield name


def _defined_version_names(table: bytes) -> Iterator[int]:
    for start, (*_fields, names, _next) in _chain(table, 0, VERSION_DEFINITION):
        for _start, (name, _next_name) in _chain(table, start + names, VERSION_DEFINITION_NAME):
            yield name


def _chain(table: bytes, start: int, record: Struct) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield the offset and fields of each *record*; the last field is the distance to the next, or zero."""
    while start + record.size <= len(table):
        fields: tuple[int, ...] = record.unpack_from(table, start)
        yield start, fields
        if not fields[-1]:
            return
        start += fields[-1]
