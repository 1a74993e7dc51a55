"""A program that is compressed: an unpacker and, in a segment of its own, the program's segments.

The unpacker (``stub/unpacker``) runs first, and puts the program where it belongs. What is written here is
again a stub, which an image is attached to as to any other. All records are those of
``stub/unpacker/packed_program.h``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import NamedTuple

import xxhash
import zstandard

from oxidize_build.errors import ImageError
from oxidize_build.objfile.elf import IMAGE_ADDRESS, IMAGE_ALIGNMENT, IMAGE_SECTION, STUB_MAGIC
from oxidize_build.objfile.elf_format import (
    ET_EXEC,
    HEADER,
    PF_R,
    PF_W,
    PF_X,
    PROGRAM_HEADER,
    PT_GNU_STACK,
    PT_INTERP,
    PT_LOAD,
    SECTION_HEADER,
    SHF_ALLOC,
    SHF_EXECINSTR,
    SHT_PROGBITS,
    SHT_STRTAB,
    ElfFile,
    Header,
    ProgramHeader,
    SectionHeader,
    opened,
)

PACKED_ADDRESS = 0x0D00_0000
"""Where the segment of the packed program is, but for its place within :data:`_ALIGNMENT` bytes."""
PACKED_SECTION = ".oxprogram"
"""Name of the section that is the packed program."""
UNPACKER_ADDRESS = 0x0C00_0000
"""Where the unpacker is; programs end before. Its linker script says the same."""
MAGIC = b"OXIPROG\0"
"""What a packed program begins with."""

PACKED_HEADER = Struct("<8sQQQQQQII")
"""``struct packed_header`` up to its checksum."""
_CHECK = Struct("<Q")
PACKED_BLOCK = Struct("<QQQQQQ")
"""``struct packed_block``."""

_ALIGNMENT = 1 << 16
"""Bytes: the largest page size, as for the image."""
_HEADERS_SIZE = 0x200
"""What the unpacker's linker script leaves for the ELF header and the program headers."""
_LEVEL = 19
_BLOCK = 1 << 20
"""In bytes: a thread works at one block at a time. With larger ones the result is hardly smaller."""
_CODE_MATCH = 5
"""In bytes: no shorter repetition is looked for in machine code. It takes a sixth less to decompress, and
6 % more room; of constants 10 %, which is too much."""


class Packed(NamedTuple):
    """``struct packed_header`` without magic and checksum."""

    size: int
    first: int
    end: int
    entry: int
    program_headers: int
    interpreter: int
    program_header_count: int
    block_count: int


class Block(NamedTuple):
    """``struct packed_block``: a run of the program's bytes."""

    address: int
    size: int
    offset: int
    stored_size: int
    file_offset: int
    check: int


@dataclass(frozen=True, slots=True)
class _Piece:
    """A run of the program's bytes that becomes a block."""

    address: int
    file_offset: int
    data: bytes
    is_code: bool


def packing_identity() -> tuple[str, ...]:
    """Return what a packed program depends on beside program and unpacker."""
    settings = (_LEVEL, _BLOCK, _CODE_MATCH, PACKED_ADDRESS)
    return (zstandard.__version__, str(zstandard.ZSTD_VERSION), str(settings))


def pack_program(stub: Path, unpacker: Path, output: Path) -> None:
    """Write to *output* a stub that does what *stub* does, in which the program is compressed.

    *unpacker* is the linked ``stub/unpacker``. The same input gives the same bytes.

    Raises ImageError if *stub* is no stub without an image, is for another processor than *unpacker*, or is
    too large.
    """
    with opened(stub) as program, opened(unpacker) as elf:
        if program.header.type != ET_EXEC or program.header.machine != elf.header.machine:
            raise ImageError(f"{stub}: not a program at fixed addresses for the processor of {unpacker}")
        code = _code(elf)
        packed = _pack(program)
        content = _executable(elf.header, code, packed)
    output.write_bytes(content)
    output.chmod(0o755)


def is_packed(path: Path) -> bool:
    """Tell whether the program of the executable or stub at *path* is compressed.

    Raises ImageError if it is not a 64-bit little-endian ELF file, or its program headers are damaged.
    """
    with opened(path) as elf:
        return _segment(elf) is not None


def unpacked_program(path: Path) -> bytes | None:
    """Return the program of the executable or stub at *path* as an ELF file; None if it is not compressed.

    It is the stub that was packed, without section headers and symbols.

    Raises ImageError if *path* is not an ELF file, or the packed program is damaged.
    """
    with opened(path) as elf:
        segment = _segment(elf)
        if segment is None:
            return None
        data = elf.read(segment.offset, segment.filesz, "the packed program")
        content = bytearray()
        for block, piece in _unpacked(data, elf):
            content.extend(bytes(max(block.file_offset + block.size - len(content), 0)))
            content[block.file_offset : block.file_offset + block.size] = piece
        return _completed(content, elf)


def _segment(elf: ElfFile) -> ProgramHeader | None:
    for segment in elf.segments():
        is_there = segment.type == PT_LOAD and segment.vaddr // _ALIGNMENT * _ALIGNMENT == PACKED_ADDRESS
        if is_there and elf.read(segment.offset, len(MAGIC), "a segment") == MAGIC:
            return segment
    return None


# --- packing ---------------------------------------------------------------------------------


def _pack(program: ElfFile) -> bytes:
    """Return what the segment of the packed *program* holds."""
    header = program.header
    segments = [s for s in program.segments() if s.type == PT_LOAD and s.vaddr != IMAGE_ADDRESS]
    first = min(segment.vaddr for segment in segments)
    end = max(segment.vaddr + segment.memsz for segment in segments)
    if end > UNPACKER_ADDRESS:
        raise ImageError(
            f"{program.name}: too large to be compressed: "
            f"it ends at {end:#x}, not before {UNPACKER_ADDRESS:#x}",
            hint="remove compress-program",
        )
    pieces = list(_pieces(program, segments))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        frames = list(pool.map(_frame, pieces))
    offset = PACKED_HEADER.size + _CHECK.size + len(frames) * PACKED_BLOCK.size
    records = bytearray()
    for piece, frame in zip(pieces, frames, strict=True):
        check = xxhash.xxh64_intdigest(frame, piece.address)
        block = Block(piece.address, len(piece.data), offset, len(frame), piece.file_offset, check)
        records += PACKED_BLOCK.pack(*block)
        offset += len(frame)
    interpreters = [segment.vaddr for segment in program.segments() if segment.type == PT_INTERP]
    packed = Packed(
        size=offset,
        first=first,
        end=end,
        entry=header.entry,
        program_headers=_address(program, segments, header.phoff),
        interpreter=interpreters[0] if interpreters else 0,
        program_header_count=header.phnum,
        block_count=len(frames),
    )
    head = PACKED_HEADER.pack(MAGIC, *packed)
    check = xxhash.xxh64_intdigest(bytes(records), xxhash.xxh64_intdigest(head))
    return b"".join([head, _CHECK.pack(check), records, *frames])


def _pieces(program: ElfFile, segments: Sequence[ProgramHeader]) -> Iterator[_Piece]:
    for segment in segments:
        data = program.read(segment.offset, segment.filesz, "a segment")
        for start in range(0, len(data), _BLOCK):
            part = data[start : start + _BLOCK]
            yield _Piece(segment.vaddr + start, segment.offset + start, part, bool(segment.flags & PF_X))


def _frame(piece: _Piece) -> bytes:
    size = len(piece.data)
    parameters = zstandard.ZstdCompressionParameters.from_level(_LEVEL, source_size=size)
    if piece.is_code:
        parameters = zstandard.ZstdCompressionParameters.from_level(
            _LEVEL, source_size=size, min_match=_CODE_MATCH
        )
    return zstandard.ZstdCompressor(compression_params=parameters).compress(piece.data)


def _address(program: ElfFile, segments: Sequence[ProgramHeader], offset: int) -> int:
    """Return where what stands at *offset* of the file is mapped."""
    for segment in segments:
        if segment.offset <= offset < segment.offset + segment.filesz:
            return segment.vaddr + offset - segment.offset
    raise program.malformed("no segment covers its program headers")


# --- the executable --------------------------------------------------------------------------


def _code(unpacker: ElfFile) -> bytes:
    """Return what the *unpacker* has in memory, with room for headers in front of it."""
    segments = [segment for segment in unpacker.segments() if segment.type == PT_LOAD]
    if len(segments) != 1 or segments[0].vaddr != UNPACKER_ADDRESS + _HEADERS_SIZE:
        raise ImageError(f"{unpacker.name}: not an unpacker: it has {len(segments)} segments")
    segment = segments[0]
    return bytes(_HEADERS_SIZE) + unpacker.read(segment.offset, segment.filesz, "its segment")


_SECTION_NAMES = f"\0.text\0{PACKED_SECTION}\0{IMAGE_SECTION}\0.shstrtab\0".encode()


def _executable(unpacker: Header, code: bytes, packed: bytes) -> bytes:
    """Put together the *code* of the *unpacker*, what is *packed* and the place of an image, the last."""
    names = _SECTION_NAMES
    image = STUB_MAGIC + bytes(8)
    packed_at = _aligned(len(code), 16)
    names_at = packed_at + len(packed)
    sections_at = _aligned(names_at + len(names), 8)
    sections = [
        SectionHeader(*[0] * 10),
        _section(
            ".text", SHF_EXECINSTR, UNPACKER_ADDRESS + _HEADERS_SIZE, _HEADERS_SIZE, code[_HEADERS_SIZE:]
        ),
        _section(PACKED_SECTION, 0, PACKED_ADDRESS + packed_at % _ALIGNMENT, packed_at, packed),
        _section(".shstrtab", 0, 0, names_at, names)._replace(type=SHT_STRTAB, flags=0),
    ]
    image_at = _aligned(sections_at + (len(sections) + 1) * SECTION_HEADER.size, IMAGE_ALIGNMENT)
    sections.append(_section(IMAGE_SECTION, 0, IMAGE_ADDRESS, image_at, image))
    segments = [
        _segment_of(PF_R | PF_X, UNPACKER_ADDRESS, 0, code),
        # Its address is such that no bytes of the file are lost to alignment
        _segment_of(PF_R, PACKED_ADDRESS + packed_at % _ALIGNMENT, packed_at, packed),
        _segment_of(PF_R, IMAGE_ADDRESS, image_at, image),
        ProgramHeader(PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 16),
    ]
    header = unpacker._replace(
        phoff=HEADER.size,
        phnum=len(segments),
        phentsize=PROGRAM_HEADER.size,
        shoff=sections_at,
        shentsize=SECTION_HEADER.size,
        shnum=len(sections),
        shstrndx=3,
    )
    content = bytearray(image_at)
    for offset, part in (
        (0, code),
        (0, HEADER.pack(*header) + b"".join(segment.pack() for segment in segments)),
        (packed_at, packed),
        (names_at, names),
        (sections_at, b"".join(section.pack() for section in sections)),
    ):
        content[offset : offset + len(part)] = part
    return bytes(content) + image


def _aligned(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment


def _segment_of(flags: int, address: int, offset: int, content: bytes) -> ProgramHeader:
    size = len(content)
    return ProgramHeader(PT_LOAD, flags, offset, address, address, size, size, _ALIGNMENT)


def _section(name: str, flags: int, address: int, offset: int, content: bytes) -> SectionHeader:
    where = _SECTION_NAMES.index(b"\0" + name.encode() + b"\0") + 1
    size = len(content)
    return SectionHeader(where, SHT_PROGBITS, SHF_ALLOC | flags, address, offset, size, 0, 0, 1, 0)


# --- unpacking -------------------------------------------------------------------------------


def _unpacked(data: bytes, elf: ElfFile) -> Iterator[tuple[Block, bytes]]:
    """Yield each block of the packed program *data* of the file *elf*, and its content."""
    damaged = ImageError(f"{elf.name}: the packed program is damaged")
    records_at = PACKED_HEADER.size + _CHECK.size
    if len(data) < records_at:
        raise damaged
    head = data[: PACKED_HEADER.size]
    packed = Packed(*PACKED_HEADER.unpack(head)[1:])
    records = data[records_at : records_at + packed.block_count * PACKED_BLOCK.size]
    (check,) = _CHECK.unpack_from(data, PACKED_HEADER.size)
    if check != xxhash.xxh64_intdigest(records, xxhash.xxh64_intdigest(head)) or packed.size != len(data):
        raise damaged
    for block in map(Block._make, PACKED_BLOCK.iter_unpack(records)):
        frame = data[block.offset : block.offset + block.stored_size]
        if xxhash.xxh64_intdigest(frame, block.address) != block.check:
            raise damaged
        try:
            content = zstandard.ZstdDecompressor().decompress(frame, max_output_size=block.size)
        except zstandard.ZstdError as error:
            raise damaged from error
        if len(content) != block.size:
            raise damaged
        yield block, content


def _completed(content: bytearray, elf: ElfFile) -> bytes:
    """Return the program *content* of the file *elf* as a whole ELF file.

    Its header names no section headers, as they are not packed; and where there was the place of an image are
    zeros.
    """
    if len(content) < HEADER.size:
        raise ImageError(f"{elf.name}: the packed program is damaged")
    header = Header._make(HEADER.unpack_from(content))
    content[: HEADER.size] = HEADER.pack(*header._replace(shoff=0, shnum=0, shstrndx=0))
    with opened(bytes(content)) as program:
        end = max((segment.offset + segment.filesz for segment in program.segments()), default=0)
    return bytes(content.ljust(end, b"\0"))
