"""The ELF structures, each defined once, and an open file whose every read is checked.

Only what oxidize runs on is accepted: 64 bits, little-endian. Field names are those of the
specification (gABI, https://gabi.xinuos.com) without their prefixes: ``p_vaddr`` is ``vaddr``.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import BinaryIO, NamedTuple

from oxidize_build.errors import ImageError

IDENT = b"\x7fELF\x02\x01\x01"
"""The first bytes: magic, ELFCLASS64, ELFDATA2LSB, EV_CURRENT."""

ET_EXEC, ET_DYN = 2, 3
EM_X86_64, EM_AARCH64 = 62, 183
PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
PT_GNU_STACK = 0x6474E551
PF_X, PF_W, PF_R = 1, 2, 4
PN_XNUM = 0xFFFF
SHT_PROGBITS, SHT_STRTAB, SHT_NOBITS, SHT_DYNSYM = 1, 3, 8, 11
SHT_GNU_VERDEF, SHT_GNU_VERNEED = 0x6FFFFFFD, 0x6FFFFFFE
SHF_ALLOC, SHF_EXECINSTR = 2, 4
DT_NULL, DT_NEEDED, DT_STRTAB, DT_STRSZ, DT_SONAME, DT_RPATH, DT_RUNPATH = 0, 1, 5, 10, 14, 15, 29
DT_FLAGS_1 = 0x6FFFFFFB
DT_VERNEED, DT_VERNEEDNUM = 0x6FFFFFFE, 0x6FFFFFFF
DT_CONFIG, DT_DEPAUDIT, DT_AUDIT = 0x6FFFFEFA, 0x6FFFFEFB, 0x6FFFFEFC
DT_AUXILIARY, DT_FILTER = 0x7FFFFFFD, 0x7FFFFFFF
STRING_TAGS = frozenset(
    {DT_NEEDED, DT_SONAME, DT_RPATH, DT_RUNPATH, DT_CONFIG, DT_DEPAUDIT, DT_AUDIT, DT_AUXILIARY, DT_FILTER}
)
"""Tags of the dynamic section whose value is an offset into its string table."""

HEADER = Struct("<16sHHIQQQIHHHHHH")
PROGRAM_HEADER = Struct("<IIQQQQQQ")
SECTION_HEADER = Struct("<IIQQQQIIQQ")
DYNAMIC_ENTRY = Struct("<qQ")
SYMBOL = Struct("<IBBHQQ")
VERSION_NEED = Struct("<HHIII")
VERSION_NEED_NAME = Struct("<IHHII")
VERSION_DEFINITION = Struct("<HHHHIII")
VERSION_DEFINITION_NAME = Struct("<II")


class Header(NamedTuple):
    """``Elf64_Ehdr``."""

    ident: bytes
    type: int
    machine: int
    version: int
    entry: int
    phoff: int
    shoff: int
    flags: int
    ehsize: int
    phentsize: int
    phnum: int
    shentsize: int
    shnum: int
    shstrndx: int


class ProgramHeader(NamedTuple):
    """``Elf64_Phdr``: a segment."""

    type: int
    flags: int
    offset: int
    vaddr: int
    paddr: int
    filesz: int
    memsz: int
    align: int

    def pack(self) -> bytes:
        """Return its bytes; raises nothing for fields that fit their width."""
        return PROGRAM_HEADER.pack(*self)


class SectionHeader(NamedTuple):
    """``Elf64_Shdr``."""

    name: int
    type: int
    flags: int
    addr: int
    offset: int
    size: int
    link: int
    info: int
    addralign: int
    entsize: int

    def pack(self) -> bytes:
        """Return its bytes; raises nothing for fields that fit their width."""
        return SECTION_HEADER.pack(*self)


class DynamicEntry(NamedTuple):
    """``Elf64_Dyn``."""

    tag: int
    value: int

    def pack(self) -> bytes:
        """Return its bytes; raises nothing for fields that fit their width."""
        return DYNAMIC_ENTRY.pack(*self)


@dataclass(frozen=True, slots=True)
class ElfFile:
    """An open ELF file whose header has been checked."""

    name: str
    """What messages call it."""
    stream: BinaryIO
    size: int
    """Length of the file in bytes."""
    header: Header

    @classmethod
    def parse(cls, stream: BinaryIO, name: str) -> ElfFile:
        """Check the header of *stream*, called *name* in messages; raise ImageError if it is no such file."""
        size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        data = stream.read(HEADER.size)
        if not data.startswith(IDENT[:4]):
            raise ImageError(f"{name}: not an ELF file")
        if not data.startswith(IDENT):
            raise ImageError(f"{name}: not a 64-bit little-endian ELF file")
        if len(data) < HEADER.size:
            raise ImageError(f"{name}: truncated: its ELF header is incomplete")
        return cls(name, stream, size, Header._make(HEADER.unpack(data)))

    def malformed(self, why: str) -> ImageError:
        """Return the error that says what is wrong with this file."""
        return ImageError(f"{self.name}: malformed ELF file: {why}")

    def read(self, offset: int, size: int, what: str) -> bytes:
        """Return *size* bytes at *offset*; raise ImageError naming *what* if the file ends before."""
        if offset + size > self.size:
            raise ImageError(
                f"{self.name}: truncated: {what} would end at byte {offset + size}, "
                f"and the file ends at byte {self.size}"
            )
        self.stream.seek(offset)
        data = self.stream.read(size)
        if len(data) != size:
            raise ImageError(f"{self.name}: changed while it was being read")
        return data

    def segments(self) -> list[ProgramHeader]:
        """Return the program headers; raise ImageError if their table is damaged."""
        header = self.header
        if header.phnum == 0:
            return []
        if header.phentsize != PROGRAM_HEADER.size or header.phnum == PN_XNUM:
            raise self.malformed(f"{header.phnum} program headers of {header.phentsize} bytes")
        table = self.read(header.phoff, header.phnum * PROGRAM_HEADER.size, "the program header table")
        return [ProgramHeader._make(fields) for fields in PROGRAM_HEADER.iter_unpack(table)]

    def sections(self) -> list[SectionHeader]:
        """Return the section headers, none if stripped; raise ImageError if their table is damaged."""
        header = self.header
        if header.shnum == 0:
            return []
        if header.shentsize != SECTION_HEADER.size:
            raise self.malformed(f"section headers of {header.shentsize} bytes")
        table = self.read(header.shoff, header.shnum * SECTION_HEADER.size, "the section header table")
        return [SectionHeader._make(fields) for fields in SECTION_HEADER.iter_unpack(table)]

    def named(self, sections: list[SectionHeader], name: str) -> list[int]:
        """Return the indexes of those of *sections* that are called *name*.

        Raises ImageError if the table of section names is damaged.
        """
        if not sections:
            return []
        if self.header.shstrndx >= len(sections):
            raise self.malformed(f"section names in section {self.header.shstrndx} of {len(sections)}")
        strings = sections[self.header.shstrndx]
        wanted = name.encode() + b"\0"
        return [
            index
            for index, section in enumerate(sections)
            if section.name + len(wanted) <= strings.size
            and self.read(strings.offset + section.name, len(wanted), "a section's name") == wanted
        ]


@contextmanager
def opened(source: Path | bytes) -> Iterator[ElfFile]:
    """Open *source*, a file or its bytes, for the time of the block.

    Raises ImageError if it cannot be read or is not a 64-bit little-endian ELF file.
    """
    if isinstance(source, bytes):
        yield ElfFile.parse(io.BytesIO(source), "object file in memory")
        return
    try:
        stream = source.open("rb")
    except OSError as error:
        raise ImageError(f"{source}: cannot be read: {error.strerror}") from error
    with stream:
        yield ElfFile.parse(stream, str(source))
