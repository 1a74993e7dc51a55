"""Take out of an ELF object what is not loaded: debug information, symbols for linking, sections."""

from __future__ import annotations

from oxidize_build.objfile.elf_format import HEADER, opened


def without_sections(data: bytes) -> bytes:
    """Return the object file *data* without section headers and without what no segment covers.

    What the loader maps stays byte for byte. Debug information goes, and with it the paths of the
    machine that compiled the object.

    Raises ImageError if *data* is not a 64-bit little-endian ELF file, or is damaged.
    """
    with opened(data) as elf:
        end = max((s.offset + s.filesz for s in elf.segments()), default=0)
        table_end = elf.header.phoff + elf.header.phnum * elf.header.phentsize
        elf.read(0, max(end, table_end), "what its segments cover")
        header = elf.header._replace(shoff=0, shnum=0, shstrndx=0)
    return HEADER.pack(*header) + data[HEADER.size : max(end, table_end)]
