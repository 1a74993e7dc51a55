"""Attach an image to an ELF stub, and find it again.

The stub reserves the place when it is linked: a section ``.oxdata`` alone in a PT_LOAD segment at
a far address. Attaching appends the image to the file and points segment and section at it, so the
kernel maps it, and ``strip``, ``objcopy``, ``readelf`` and debuggers see an ordinary object file.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from oxidize_build.errors import ImageError, OutputError
from oxidize_build.objfile.elf_dynamic import Dynamic, read_dynamic
from oxidize_build.objfile.elf_format import (
    EM_AARCH64,
    EM_X86_64,
    ET_DYN,
    ET_EXEC,
    PF_R,
    PROGRAM_HEADER,
    PT_LOAD,
    SECTION_HEADER,
    SHF_ALLOC,
    SHT_PROGBITS,
    ElfFile,
    ProgramHeader,
    SectionHeader,
    opened,
)
from oxidize_build.objfile.elf_runpath import without_runpath

__all__ = [
    "IMAGE_ADDRESS",
    "IMAGE_ADDRESS_END",
    "IMAGE_ALIGNMENT",
    "IMAGE_SECTION",
    "STUB_MAGIC",
    "Dynamic",
    "Extent",
    "attach",
    "carries_image",
    "image_extent",
    "read_dynamic",
    "without_runpath",
]

IMAGE_SECTION = ".oxdata"
"""Name of the section that holds the image."""
IMAGE_ADDRESS = 0x1000_0000
"""Where the stub's linker script puts the section (relative to the load address in a PIE)."""
IMAGE_ADDRESS_END = 0x40_0000_0000
"""No segment may reach past it: the upper half of a 39-bit address space is left alone."""
IMAGE_ALIGNMENT = 1 << 16
"""Bytes: the largest page size of the machines supported, aarch64's 64 KiB."""
STUB_MAGIC = b"OXISTUB\0"
"""What the section begins with as long as no image is attached."""

_CHUNK = 1 << 16
"""Bytes that are written at once. Linux keeps a new file in pieces as large as what was written at once, and
from 6.18 on maps whole pieces where a page is looked at: smaller ones cost time (with 16 KiB hello took 1.05
times as long), larger ones memory (with a mebibyte 3 MB more of it were resident)."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Where something stands in a file, in bytes."""

    offset: int
    size: int

    @property
    def end(self) -> int:
        """The offset of the first byte after it."""
        return self.offset + self.size


@dataclass(frozen=True, slots=True)
class _Reservation:
    """The two headers of a stub that are to describe the image, and where they stand in the file."""

    segment: ProgramHeader
    segment_offset: int
    section: SectionHeader
    section_offset: int

    def filled(self, extent: Extent) -> tuple[tuple[int, bytes], ...]:
        """Return the bytes to be written, each with its offset, for an image at *extent*."""
        segment = self.segment._replace(
            flags=PF_R, offset=extent.offset, filesz=extent.size, memsz=extent.size
        )
        section = self.section._replace(flags=SHF_ALLOC, offset=extent.offset, size=extent.size)
        return (self.segment_offset, segment.pack()), (self.section_offset, section.pack())


def attach(stub: Path, image: Path, output: Path) -> None:
    """Write to *output* the executable that is *stub* carrying *image*.

    *stub* is an ELF executable linked with oxidize's linker script, *image* any non-empty file; it is
    copied in pieces, never held in memory. *output* appears complete, with mode 0755, or not at all.

    Raises ImageError if *stub* is no such stub, carries an image already or has no room for this one,
    and OutputError if the result cannot be written.
    """
    with opened(stub) as elf, _opened_image(image) as content:
        reservation = _find_reservation(elf)
        size = os.fstat(content.fileno()).st_size
        _check_room(elf, reservation.segment, size)
        extent = Extent(_place(elf, reservation.segment), size)
        with _written_aside(output) as file:
            elf.stream.seek(0)
            shutil.copyfileobj(elf.stream, file, _CHUNK)
            file.seek(extent.offset)
            shutil.copyfileobj(content, file, _CHUNK)
            if file.tell() != extent.end:
                raise ImageError(f"{image}: changed while it was being attached")
            for offset, data in reservation.filled(extent):
                file.seek(offset)
                file.write(data)


def _place(elf: ElfFile, reserved: ProgramHeader) -> int:
    """Return where the image goes: behind all that the stub has, or to what is *reserved* if that is last."""
    is_last = reserved.offset + reserved.filesz == elf.size and reserved.offset % IMAGE_ALIGNMENT == 0
    return reserved.offset if is_last else -(-elf.size // IMAGE_ALIGNMENT) * IMAGE_ALIGNMENT


def image_extent(path: Path) -> Extent:
    """Return where the image stands in the executable *path*.

    The segment at the reserved address tells, as it tells the kernel, and the section where the
    section headers have not been stripped. Raises ImageError if there is no image, or if it does not
    lie within the file.
    """
    with opened(path) as elf:
        segments = [segment for segment in elf.segments() if _is_reserved(segment)]
        if len(segments) != 1:
            raise ImageError(f"{path}: carries no image", hint="it was not built by oxidize")
        segment = segments[0]
        extent = Extent(segment.offset, segment.filesz)
        sections = elf.sections()
        indexes = elf.named(sections, IMAGE_SECTION)
        if len(indexes) > 1:
            raise elf.malformed(f"{len(indexes)} sections are called {IMAGE_SECTION}")
        if indexes:
            section = sections[indexes[0]]
            if section.offset != segment.offset or section.size > segment.filesz:
                raise elf.malformed(f"section {IMAGE_SECTION} and the segment at {IMAGE_ADDRESS:#x} differ")
            extent = Extent(section.offset, section.size)
        if extent.end > elf.size:
            raise ImageError(
                f"{path}: truncated: its image ends at byte {extent.end}, and the file at byte {elf.size}"
            )
        if extent.size < len(STUB_MAGIC) or elf.read(extent.offset, len(STUB_MAGIC), "image") == STUB_MAGIC:
            raise ImageError(f"{path}: a stub to which no image has been attached")
        return extent


def carries_image(path: Path) -> bool:
    """Tell whether the ELF file at *path* has an image attached, whole or not.

    Raises ImageError if its program headers are damaged.
    """
    with opened(path) as elf:
        return any(
            _is_reserved(segment) and elf.read(segment.offset, len(STUB_MAGIC), "the image") != STUB_MAGIC
            for segment in elf.segments()
        )


def _is_reserved(segment: ProgramHeader) -> bool:
    return segment.type == PT_LOAD and segment.vaddr == IMAGE_ADDRESS


def _find_reservation(elf: ElfFile) -> _Reservation:
    """Find the reserved segment and its section; raise ImageError if this is not a stub in good order."""
    header = elf.header
    if header.type not in {ET_EXEC, ET_DYN} or header.machine not in {EM_X86_64, EM_AARCH64}:
        raise ImageError(
            f"{elf.name}: not an executable for x86_64 or aarch64 "
            f"(ELF type {header.type}, machine {header.machine})"
        )
    segments, sections = elf.segments(), elf.sections()
    reserved = [index for index, segment in enumerate(segments) if _is_reserved(segment)]
    named = elf.named(sections, IMAGE_SECTION)
    if len(reserved) != 1 or len(named) != 1:
        raise ImageError(
            f"{elf.name}: not one of oxidize's stubs: {len(named)} sections {IMAGE_SECTION} and "
            f"{len(reserved)} segments at {IMAGE_ADDRESS:#x} instead of one of each"
        )
    segment, section = segments[reserved[0]], sections[named[0]]
    _check_alone(elf, segment, section, sections)
    if elf.read(segment.offset, len(STUB_MAGIC), f"section {IMAGE_SECTION}") != STUB_MAGIC:
        raise ImageError(
            f"{elf.name}: carries an image already", hint="attach to the stub itself, not to an executable"
        )
    return _Reservation(
        segment=segment,
        segment_offset=header.phoff + reserved[0] * PROGRAM_HEADER.size,
        section=section,
        section_offset=header.shoff + named[0] * SECTION_HEADER.size,
    )


def _check_alone(
    elf: ElfFile, segment: ProgramHeader, section: SectionHeader, sections: list[SectionHeader]
) -> None:
    """Check that nothing but *section* moves when *segment* does; raise ImageError otherwise."""
    if section.type != SHT_PROGBITS or (section.addr, section.offset) != (segment.vaddr, segment.offset):
        raise elf.malformed(f"section {IMAGE_SECTION} does not begin its segment")
    if not len(STUB_MAGIC) <= section.size <= segment.filesz:
        raise elf.malformed(f"section {IMAGE_SECTION} has {section.size} bytes")
    if IMAGE_ALIGNMENT % max(segment.align, 1):
        raise elf.malformed(f"section {IMAGE_SECTION} is aligned to {segment.align} bytes")
    mapped = range(segment.vaddr, segment.vaddr + max(segment.memsz, 1))
    for other in sections:
        if other is not section and other.flags & SHF_ALLOC and other.size and other.addr in mapped:
            raise elf.malformed(f"section {IMAGE_SECTION} is not alone in its segment")


def _check_room(elf: ElfFile, reserved: ProgramHeader, size: int) -> None:
    """Check that an image of *size* bytes fits into the address space; raise ImageError otherwise."""
    if size < len(STUB_MAGIC):
        raise ImageError(f"an image of {size} bytes cannot be one")
    end = reserved.vaddr + size
    if end > IMAGE_ADDRESS_END:
        raise ImageError(
            f"the image has {size} bytes; at most {IMAGE_ADDRESS_END - reserved.vaddr} fit",
            hint="exclude packages or data that the program does not need",
        )
    for segment in elf.segments():
        if segment.type != PT_LOAD or segment == reserved:
            continue
        first = segment.vaddr // IMAGE_ALIGNMENT * IMAGE_ALIGNMENT
        if first < end and reserved.vaddr < segment.vaddr + segment.memsz:
            raise ImageError(
                f"{elf.name}: its segment at {segment.vaddr:#x} ({segment.memsz} bytes) and an image of "
                f"{size} bytes at {reserved.vaddr:#x} overlap"
            )


@contextmanager
def _opened_image(path: Path) -> Iterator[BinaryIO]:
    try:
        stream = path.open("rb")
    except OSError as error:
        raise ImageError(f"{path}: cannot be read: {error.strerror}") from error
    with stream:
        yield stream


@contextmanager
def _written_aside(output: Path) -> Iterator[BinaryIO]:
    """Give a file to write, which becomes *output* if the block succeeds and vanishes if it fails."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{output.name}-", dir=output.parent)
    except OSError as error:
        raise OutputError(f"{output}: cannot be written: {error.strerror}") from error
    aside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        aside.chmod(0o755)
        aside.replace(output)
    except OSError as error:
        raise OutputError(f"{output}: cannot be written: {error.strerror}") from error
    finally:
        aside.unlink(missing_ok=True)
