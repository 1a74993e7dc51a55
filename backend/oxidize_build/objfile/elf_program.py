"""What stands in front of the image: the program that the stub is, as the kernel maps it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from oxidize_build.objfile.elf_format import PT_LOAD, ElfFile, ProgramHeader, opened


def program_digest(path: Path, image_address: int) -> str:
    """Return the SHA-256 digest, in hexadecimal, of what is mapped of the executable but the image.

    *image_address* is that of the image's segment. The ELF header and the program headers are left
    out: attaching the image changes them, and so does ``strip``, which leaves what is mapped as it is.

    Raises ImageError if *path* is not a 64-bit little-endian ELF file, or is damaged.
    """
    digest = hashlib.sha256()
    with opened(path) as elf:
        for segment in elf.segments():
            if segment.type == PT_LOAD and segment.vaddr != image_address:
                digest.update(segment.vaddr.to_bytes(8, "little"))
                digest.update(_content(elf, segment))
    return digest.hexdigest()


def _content(elf: ElfFile, segment: ProgramHeader) -> bytes:
    headers = elf.header.phoff + elf.header.phnum * elf.header.phentsize
    content = elf.read(segment.offset, segment.filesz, "a segment")
    covered = min(max(headers - segment.offset, 0), len(content))
    return bytes(covered) + content[covered:]
