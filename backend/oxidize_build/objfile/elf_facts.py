"""What an ELF file of any machine says of itself (gABI; the GNU extensions of the LSB and of ld.so).

Reading is pyelftools' work, and of the segments alone, as far as they tell: section headers may be missing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO

from elftools.common.exceptions import ELFError
from elftools.construct.core import ConstructError
from elftools.construct.lib.container import Container
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection
from elftools.elf.segments import InterpSegment, NoteSegment

from oxidize_build.errors import ImageError, ObjectFileError
from oxidize_build.objfile.elf_format import DT_NEEDED, DT_SONAME, IDENT, ElfFile
from oxidize_build.objfile.elf_tags import DynamicTable
from oxidize_build.objfile.facts import (
    MISREADING,
    Kind,
    ObjectFacts,
    Presence,
    Protection,
    SymbolVersion,
    presence,
)

MAGIC = b"\x7fELF"
DAMAGE = (ELFError, ConstructError, *MISREADING)
"""What pyelftools raises for damaged input, beside its own errors."""
_ARCHITECTURES = {
    "EM_386": "i686",
    "EM_AARCH64": "aarch64",
    "EM_ARM": "armv7l",
    "EM_LOONGARCH": "loongarch64",
    "EM_MIPS": "mips",
    "EM_PPC64": "ppc64le",
    "EM_RISCV": "riscv64",
    "EM_S390": "s390x",
    "EM_X86_64": "x86_64",
}
_MOST_ENTRIES = 1 << 16
"""No table of an honest file is longer: a damaged one is not followed without end."""
_WEAK = 0x2
"""``VER_FLG_WEAK``: without that version the file is loaded all the same."""
_EXECUTABLE_SEGMENT = 0x1
_BIND_NOW, _NOW, _PIE = 0x8, 0x1, 0x0800_0000
_FORTIFIED = re.compile(rb"__\w+_chk")
_STACK_CHECKS = (b"__stack_chk_fail", b"__stack_chk_fail_local", b"__stack_chk_guard")
_CET_PROPERTIES = {
    "GNU_PROPERTY_X86_FEATURE_1_AND": ((1, "CET branch tracking"), (2, "CET shadow stack")),
    "GNU_PROPERTY_AARCH64_FEATURE_1_AND": ((1, "BTI"), (2, "PAC")),
}


class SegmentsOnly(ELFFile):
    """An ELF file that is read by its segments alone."""

    def num_sections(self) -> int:
        """Return 0."""
        return 0


@dataclass(frozen=True, slots=True)
class _Names:
    """Names that a file's symbols have, or None if it has none."""

    names: frozenset[bytes] | None

    def any(self, test: Callable[[bytes], object]) -> Presence:
        """Tell whether a name passes the *test*."""
        if self.names is None:
            return Presence.UNKNOWN
        return presence(present=any(test(name) for name in self.names))


@dataclass(frozen=True, slots=True)
class ElfNeeds:
    """What an ELF file needs to be loaded, and the name by which others need it."""

    soname: str | None
    needed: tuple[str, ...]
    symbol_versions: tuple[SymbolVersion, ...]


@dataclass(slots=True)
class _Tags:
    """The dynamic segment, taken apart."""

    soname: str | None = None
    needed: list[str] = field(default_factory=list)
    values: dict[str, int] = field(default_factory=dict)
    segment: DynamicSegment | None = None


def elf_facts(stream: BinaryIO, name: str) -> ObjectFacts:
    """Return what the ELF file in *stream*, called *name* in messages, says of itself.

    Raises ObjectFileError if it is damaged.
    """
    try:
        return _facts(stream)
    except DAMAGE as error:
        raise ObjectFileError(f"{name}: malformed or truncated ELF file ({error})") from error


def elf_needs(stream: BinaryIO, name: str) -> ElfNeeds:
    """Return what the ELF file in *stream* needs; quicker than :func:`elf_facts`, of which it is a part.

    Raises ObjectFileError if it is damaged.
    """
    if stream.read(len(IDENT)) == IDENT:
        return _quick_needs(stream, name)
    try:
        elf = SegmentsOnly(stream)
        tags = _read_tags(elf)
        return ElfNeeds(tags.soname, tuple(tags.needed), _symbol_versions(elf, tags))
    except DAMAGE as error:
        raise ObjectFileError(f"{name}: malformed or truncated ELF file ({error})") from error


def _quick_needs(stream: BinaryIO, name: str) -> ElfNeeds:
    """Return what a 64-bit little-endian file needs."""
    try:
        table = DynamicTable.of(ElfFile.parse(stream, name))
        sonames = table.strings(DT_SONAME)
        versions = ((need.library, need.version, need.flags) for need in table.needed_versions())
        return ElfNeeds(
            sonames[-1] if sonames else None, tuple(table.strings(DT_NEEDED)), _highest_versions(versions)
        )
    except ImageError as error:
        raise ObjectFileError(error.message) from error


def _facts(stream: BinaryIO) -> ObjectFacts:
    elf = SegmentsOnly(stream)
    _check_size(elf, stream.seek(0, os.SEEK_END))
    tags = _read_tags(elf)
    interpreter = next(
        (s.get_interp_name() for s in elf.iter_segments("PT_INTERP") if isinstance(s, InterpSegment)), None
    )
    kind = _kind(elf, tags, interpreter)
    machine = str(elf["e_machine"])
    runs = kind in {Kind.EXECUTABLE, Kind.PIE}
    return ObjectFacts(
        format="ELF",
        architecture=_ARCHITECTURES.get(machine, machine.removeprefix("EM_").lower()),
        kind=kind,
        static=runs and interpreter is None and not tags.needed,
        interpreter=interpreter,
        needed=tuple(tags.needed),
        symbol_versions=_symbol_versions(elf, tags),
        protections=tuple(_protections(elf, tags, kind, stream)),
    )


def _check_size(elf: ELFFile, size: int) -> None:
    """Raise ValueError if a segment would end behind the end of the file of *size* bytes."""
    end = max((segment["p_offset"] + segment["p_filesz"] for segment in elf.iter_segments()), default=0)
    if end > size:
        raise ValueError(f"a segment would end at byte {end}, and the file ends at byte {size}")


def _kind(elf: ELFFile, tags: _Tags, interpreter: str | None) -> Kind:
    match elf["e_type"]:
        case "ET_EXEC":
            return Kind.EXECUTABLE
        case "ET_REL":
            return Kind.OBJECT
        case "ET_DYN":
            # libc.so.6 names an interpreter too, but also itself
            is_pie = tags.values.get("DT_FLAGS_1", 0) & _PIE or (
                interpreter is not None and tags.soname is None
            )
            return Kind.PIE if is_pie else Kind.SHARED_LIBRARY
    return Kind.OTHER


def _read_tags(elf: ELFFile) -> _Tags:
    tags = _Tags()
    for segment in elf.iter_segments("PT_DYNAMIC"):
        if not isinstance(segment, DynamicSegment):
            continue
        tags.segment = segment
        for tag in islice(segment.iter_tags(), _MOST_ENTRIES):
            tags.values[str(tag.entry.d_tag)] = tag.entry.d_val
            if tag.entry.d_tag == "DT_NEEDED":
                tags.needed.append(tag.needed)  # type: ignore[attr-defined]  # made at run time
            elif tag.entry.d_tag == "DT_SONAME":
                tags.soname = tag.soname  # type: ignore[attr-defined]  # made at run time
    return tags


def _symbol_versions(elf: ELFFile, tags: _Tags) -> tuple[SymbolVersion, ...]:
    """Return the highest version of each name space that each library must have."""
    if tags.segment is None or "DT_VERNEED" not in tags.values:
        return ()
    _, offset = tags.segment.get_table_offset("DT_VERNEED")
    header = Container(
        sh_offset=offset,
        sh_info=min(tags.values.get("DT_VERNEEDNUM", 0), _MOST_ENTRIES),
        sh_type="SHT_GNU_verneed",
        sh_flags=0,
        sh_size=0,
        sh_addralign=1,
    )
    # Of the strings only get_string is used
    strings: Any = tags.segment._get_stringtable()  # noqa: SLF001 - no section has the table
    table = GNUVerNeedSection(header, "", elf, strings)
    found = (
        (str(needed.name), version.name, version["vna_flags"])
        for needed, versions in table.iter_versions()
        for version in versions
    )
    return _highest_versions(found)


def _highest_versions(versions: Iterable[tuple[str, str, int]]) -> tuple[SymbolVersion, ...]:
    """Return the highest of *versions*, which are libraries, versions and flags, of each name space."""
    highest: dict[tuple[str, str], str] = {}
    for library, version, flags in versions:
        if flags & _WEAK:
            continue
        key = (library, version.rpartition("_")[0])
        if key not in highest or version_key(version) > version_key(highest[key]):
            highest[key] = version
    return tuple(SymbolVersion(library, version) for (library, _), version in highest.items())


def version_key(version: str) -> tuple[int, ...]:
    """Return what versions of symbols are compared by: the numbers in ``GLIBC_2.34``."""
    return tuple(int(number) for number in re.findall(r"\d+", version.rpartition("_")[2]))


def _protections(elf: ELFFile, tags: _Tags, kind: Kind, stream: BinaryIO) -> Iterator[Protection]:
    if kind in {Kind.OBJECT, Kind.OTHER}:
        return
    bound = bool(
        "DT_BIND_NOW" in tags.values
        or tags.values.get("DT_FLAGS", 0) & _BIND_NOW
        or tags.values.get("DT_FLAGS_1", 0) & _NOW
    )
    relro = any(True for _ in elf.iter_segments("PT_GNU_RELRO"))
    lazily = relro and tags.segment is not None and not bound
    yield Protection("PIE", presence(present=kind is not Kind.EXECUTABLE))
    yield Protection("RELRO", Presence.PARTIAL if lazily else presence(present=relro))
    if tags.segment is not None:
        yield Protection("BIND_NOW", presence(present=bound))
    stacks = list(elf.iter_segments("PT_GNU_STACK"))
    unset = any(segment["p_flags"] & _EXECUTABLE_SEGMENT for segment in stacks)
    yield Protection("NX", presence(present=bool(stacks) and not unset))
    names = _symbol_names(tags, stream)
    yield Protection("stack canary", names.any(_STACK_CHECKS.__contains__))
    yield Protection("FORTIFY", names.any(_FORTIFIED.fullmatch))
    yield from _control_flow(elf)


def _control_flow(elf: ELFFile) -> Iterator[Protection]:
    """Yield what the GNU property note says of the processor's checks of control flow."""
    for segment in elf.iter_segments("PT_NOTE"):
        if not isinstance(segment, NoteSegment):
            continue
        for note in islice(segment.iter_notes(), _MOST_ENTRIES):
            if note["n_type"] == "NT_GNU_PROPERTY_TYPE_0" and note["n_name"] == "GNU":
                yield from _property_protections(note["n_desc"])


def _property_protections(properties: Iterable[Any]) -> Iterator[Protection]:
    for item in properties:
        for bit, name in _CET_PROPERTIES.get(str(item.pr_type), ()):
            if isinstance(item.pr_data, int) and item.pr_data & bit:
                yield Protection(name, Presence.YES)


def _symbol_names(tags: _Tags, stream: BinaryIO) -> _Names:
    """Return the names in the string table of the dynamic symbols, else in that of the other ones.

    Reading the symbols themselves, with pyelftools, takes seconds.
    """
    if tags.segment is not None and tags.needed:
        _, offset = tags.segment.get_table_offset("DT_STRTAB")
        if offset is not None:
            stream.seek(offset)
            return _Names(frozenset(stream.read(tags.values["DT_STRSZ"]).split(b"\0")))
    table = ELFFile(stream).get_section_by_name(".strtab")
    return _Names(frozenset(table.data().split(b"\0")) if table is not None else None)
