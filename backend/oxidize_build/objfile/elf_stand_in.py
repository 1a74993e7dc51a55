"""Make a shared object that has a SONAME and nothing else."""

from __future__ import annotations

from oxidize_build.objfile.elf_format import (
    DYNAMIC_ENTRY,
    HEADER,
    IDENT,
    PROGRAM_HEADER,
    SYMBOL,
    DynamicEntry,
    Header,
    ProgramHeader,
)

ET_DYN = 3
EV_CURRENT = 1
PT_LOAD, PT_DYNAMIC, PT_GNU_STACK = 1, 2, 0x6474E551
PF_R, PF_W = 4, 2
DT_NULL, DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_SYMENT, DT_SONAME = 0, 5, 6, 10, 11, 14
PAGE = 0x1000
SEGMENTS = 3
ENTRIES = 6


def stand_in(soname: str, machine: int) -> bytes:
    """Return a shared object for *machine* (``e_machine``) that is called *soname* and defines nothing.

    Once it is loaded, the dynamic linker takes it for the library of that name. It has the three
    segments that the linker asks for: one to map, its dynamic section, and the stack's permissions.
    """
    strings = f"\0{soname}\0".encode()
    symbols_at = HEADER.size + SEGMENTS * PROGRAM_HEADER.size
    dynamic_at = symbols_at + SYMBOL.size
    dynamic_size = ENTRIES * DYNAMIC_ENTRY.size
    strings_at = dynamic_at + dynamic_size
    size = strings_at + len(strings)
    dynamic = [
        DynamicEntry(DT_SONAME, 1),
        DynamicEntry(DT_STRTAB, strings_at),
        DynamicEntry(DT_STRSZ, len(strings)),
        DynamicEntry(DT_SYMTAB, symbols_at),
        DynamicEntry(DT_SYMENT, SYMBOL.size),
        DynamicEntry(DT_NULL, 0),
    ]
    header = Header(
        ident=IDENT.ljust(16, b"\0"),
        type=ET_DYN,
        machine=machine,
        version=EV_CURRENT,
        entry=0,
        phoff=HEADER.size,
        shoff=0,
        flags=0,
        ehsize=HEADER.size,
        phentsize=PROGRAM_HEADER.size,
        phnum=SEGMENTS,
        shentsize=0,
        shnum=0,
        shstrndx=0,
    )
    segments = [
        ProgramHeader(PT_LOAD, PF_R | PF_W, 0, 0, 0, size, size, PAGE),
        ProgramHeader(
            PT_DYNAMIC, PF_R | PF_W, dynamic_at, dynamic_at, dynamic_at, dynamic_size, dynamic_size, 8
        ),
        ProgramHeader(PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 0),
    ]
    parts = [HEADER.pack(*header), *(segment.pack() for segment in segments), bytes(SYMBOL.size)]
    return b"".join([*parts, *(entry.pack() for entry in dynamic), strings])
