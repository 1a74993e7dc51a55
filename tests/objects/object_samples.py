"""Small Mach-O and PE files, made by hand."""

from __future__ import annotations

import struct
from collections.abc import Sequence

MACOS_11 = 11 << 16
X86_64, ARM64 = 7 | 1 << 24, 12 | 1 << 24


def macho(
    architecture: int = ARM64,
    *,
    filetype: int = 2,
    flags: int = 0x200085,
    libraries: Sequence[str] = ("/usr/lib/libSystem.B.dylib",),
    symbols: bytes = b"\0_main\0___stack_chk_fail\0",
    signed: bool = True,
) -> bytes:
    """Return a Mach-O file of 64 bits with one segment, which its symbols and signature are in."""
    commands = [
        _command(0x0E, struct.pack("<I", 12) + b"/usr/lib/dyld\0"),
        *(
            _command(0x0C, struct.pack("<IIII", 24, 0, 1292 << 16, 1 << 16) + name.encode() + b"\0")
            for name in libraries
        ),
        _command(0x32, struct.pack("<IIII", 1, MACOS_11, MACOS_11, 0)),
        _command(0x02, struct.pack("<IIII", 2048, 0, 2048, len(symbols))),
        *([_command(0x1D, struct.pack("<II", 2048 + len(symbols), 16))] if signed else []),
    ]
    size = 2048 + len(symbols) + 16
    segment = struct.pack("<16sQQQQiiII", b"__LINKEDIT", 0, size, 0, size, 1, 1, 0, 0)
    commands.append(_command(0x19, segment))
    body = b"".join(commands)
    header = struct.pack(
        "<IiiIIIII", 0xFEEDFACF, architecture, 0, filetype, len(commands), len(body), flags, 0
    )
    return (header + body).ljust(2048, b"\0") + symbols + bytes(16)


def universal(*architectures: tuple[int, bytes]) -> bytes:
    """Return a universal Mach-O file of these."""
    head = struct.pack(">II", 0xCAFEBABE, len(architectures))
    body = b""
    for cputype, data in architectures:
        head += struct.pack(">IIIII", cputype, 0, 4096 + len(body), len(data), 12)
        body += data.ljust(8192, b"\0")
    return head.ljust(4096, b"\0") + body


def _command(number: int, data: bytes) -> bytes:
    size = -(-(8 + len(data)) // 8) * 8
    return (struct.pack("<II", number, size) + data).ljust(size, b"\0")


def pe(*, machine: int = 0x8664, dll: bool = False, mitigations: int = 0x4160, signed: bool = False) -> bytes:
    """Return a PE file of 64 bits that needs KERNEL32.dll."""
    dos = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64)
    characteristics = 0x22 | (0x2000 if dll else 0)
    coff = struct.pack("<HHIIIHH", machine, 1, 0, 0, 0, 240, characteristics)
    directories = [(0, 0)] * 16
    directories[1] = (0x1000, 40)
    directories[4] = (0x400, 512) if signed else (0, 0)
    optional = struct.pack("<HBBIIIII", 0x20B, 14, 0, 0, 512, 0, 0, 0x1000)
    optional += struct.pack(
        "<QIIHHHHHHIIIIHH", 1 << 32, 4096, 512, 6, 0, 0, 0, 6, 2, 0, 0x2000, 512, 0, 3, mitigations
    )
    optional += struct.pack("<QQQQII", 1 << 20, 4096, 1 << 20, 4096, 0, 16)
    optional += b"".join(struct.pack("<II", *directory) for directory in directories)
    section = struct.pack("<8sIIIIIIHHI", b".rdata", 512, 0x1000, 512, 512, 0, 0, 0, 0, 0x40000040)
    imports = struct.pack("<IIIII", 0x1030, 0, 0, 0x1060, 0x1030) + bytes(20)
    rdata = imports.ljust(0x30, b"\0") + struct.pack("<QQ", 0x1050, 0)
    rdata = rdata.ljust(0x50, b"\0") + b"\0\0ExitProcess\0"
    rdata = rdata.ljust(0x60, b"\0") + b"KERNEL32.dll\0"
    return (
        (dos + b"PE\0\0" + coff + optional + section).ljust(512, b"\0") + rdata.ljust(512, b"\0") + bytes(512)
    )
