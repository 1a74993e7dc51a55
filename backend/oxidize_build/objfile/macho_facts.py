"""What a Mach-O file says of itself, each architecture of a universal one.

Reading is macholib's work; what the fields mean is in Apple's ``<mach-o/loader.h>``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from macholib import mach_o
from macholib.MachO import MachO, MachOHeader

from oxidize_build.errors import ObjectFileError
from oxidize_build.objfile.facts import (
    MISREADING,
    Kind,
    ObjectFacts,
    Presence,
    Protection,
    SymbolVersion,
    presence,
)

DAMAGE = (*MISREADING, struct.error)
"""What macholib raises for damaged input."""

MAGICS = frozenset(
    magic.to_bytes(4, "big")
    for magic in (
        *(mach_o.MH_MAGIC, mach_o.MH_CIGAM, mach_o.MH_MAGIC_64, mach_o.MH_CIGAM_64),
        *(mach_o.FAT_MAGIC, mach_o.FAT_MAGIC_64),
    )
)
_ARCHITECTURES = {7: "i386", 7 | 1 << 24: "x86_64", 12: "arm", 12 | 1 << 24: "arm64", 18: "ppc"}
"""``cputype``: the machine, and a bit that says 64."""
_PLATFORMS = {1: "macOS", 2: "iOS", 3: "tvOS", 4: "watchOS", 6: "Mac Catalyst", 7: "iOS Simulator"}
_LIBRARIES = frozenset(
    {
        mach_o.LC_LOAD_DYLIB,
        mach_o.LC_LOAD_WEAK_DYLIB,
        mach_o.LC_REEXPORT_DYLIB,
        mach_o.LC_LOAD_UPWARD_DYLIB,
    }
)
_OLD_MINIMUM = {mach_o.LC_VERSION_MIN_MACOSX: "macOS", mach_o.LC_VERSION_MIN_IPHONEOS: "iOS"}
_LONGEST_NAME = 4096
_MOST_LOAD_COMMANDS = 1 << 16
_MH_PIE, _MH_ALLOW_STACK_EXECUTION, _MH_NO_HEAP_EXECUTION = 0x20_0000, 0x2_0000, 0x100_0000


def macho_facts(path: Path) -> tuple[ObjectFacts, ...]:
    """Return what the Mach-O file at *path* says of itself, for each of its architectures.

    Raises ObjectFileError if it is damaged.
    """
    try:
        _check_counts(path)
        headers = MachO(str(path), allow_unknown_load_commands=True).headers
        for header in headers:
            _check_size(header, path.stat().st_size)
        facts = tuple(_facts(header, path) for header in headers)
    except DAMAGE as error:
        raise ObjectFileError(f"{path}: malformed or truncated Mach-O file ({error})") from error
    if not facts:
        raise ObjectFileError(f"{path}: a universal Mach-O file without any architecture")
    return facts


def _check_counts(path: Path) -> None:
    """Refuse more load commands than any file has: macholib would read them all."""
    with path.open("rb") as file:
        head = file.read(20)
    for order in "<>":
        magic, _, _, _, commands = struct.unpack(f"{order}IIIII", head)
        if magic in {mach_o.MH_MAGIC, mach_o.MH_MAGIC_64} and commands > _MOST_LOAD_COMMANDS:
            raise ValueError(f"{commands} load commands")


def _check_size(header: MachOHeader, size: int) -> None:
    """Raise ValueError if a segment would end behind the end of the file of *size* bytes."""
    for load, command, _ in header.commands:
        if load.cmd in {mach_o.LC_SEGMENT, mach_o.LC_SEGMENT_64}:
            end = int(header.offset) + int(command.fileoff) + int(command.filesize)
            if end > size:
                raise ValueError(f"a segment would end at byte {end}, and the file ends at byte {size}")


def _facts(header: MachOHeader, path: Path) -> ObjectFacts:
    commands: list[tuple[Any, Any, Any]] = list(header.commands)
    kind = _kind(header)
    needed = [_text(data) for load, _, data in commands if load.cmd in _LIBRARIES]
    interpreter = next(
        (_text(data) for load, _, data in commands if load.cmd == mach_o.LC_LOAD_DYLINKER), None
    )
    return ObjectFacts(
        format="Mach-O",
        architecture=_ARCHITECTURES.get(int(header.header.cputype), f"cputype {int(header.header.cputype)}"),
        kind=kind,
        static=kind in {Kind.EXECUTABLE, Kind.PIE} and interpreter is None and not needed,
        interpreter=interpreter,
        needed=tuple(needed),
        symbol_versions=_library_versions(commands),
        protections=tuple(_protections(header, kind, commands, path)),
        minimum_system=_minimum_system(commands),
        signed=any(load.cmd == mach_o.LC_CODE_SIGNATURE for load, _, _ in commands),
    )


def _kind(header: MachOHeader) -> Kind:
    match int(header.header.filetype):
        case mach_o.MH_EXECUTE:
            return Kind.PIE if int(header.header.flags) & _MH_PIE else Kind.EXECUTABLE
        case mach_o.MH_DYLIB | mach_o.MH_BUNDLE:
            return Kind.SHARED_LIBRARY
        case mach_o.MH_OBJECT:
            return Kind.OBJECT
    return Kind.OTHER


def _text(data: bytes) -> str:
    """Return the string that follows a load command of fixed size."""
    return bytes(data[:_LONGEST_NAME]).partition(b"\0")[0].decode(errors="replace")


def _library_versions(commands: list[tuple[Any, Any, Any]]) -> tuple[SymbolVersion, ...]:
    """Return the compatibility version of each library, which the one that is loaded must have."""
    return tuple(
        SymbolVersion(_text(data), str(command.compatibility_version))
        for load, command, data in commands
        if load.cmd in _LIBRARIES
    )


def _version(number: int) -> str:
    """Return the text of a version in X.Y.Z packed as ``xxxx.yy.zz``; a Z of zero is left out."""
    major, minor, patch = number >> 16, number >> 8 & 0xFF, number & 0xFF
    return f"{major}.{minor}.{patch}" if patch else f"{major}.{minor}"


def _minimum_system(commands: list[tuple[Any, Any, Any]]) -> str | None:
    for load, command, _ in commands:
        if load.cmd == mach_o.LC_BUILD_VERSION:
            platform = int(command.platform)
            return f"{_PLATFORMS.get(platform, f'platform {platform}')} {_version(int(command.minos))}"
        if load.cmd in _OLD_MINIMUM:
            return f"{_OLD_MINIMUM[load.cmd]} {_version(int(command.version))}"
    return None


def _protections(
    header: MachOHeader, kind: Kind, commands: list[tuple[Any, Any, Any]], path: Path
) -> Iterator[Protection]:
    if kind in {Kind.OBJECT, Kind.OTHER}:
        return
    flags = int(header.header.flags)
    yield Protection("PIE", presence(present=kind is not Kind.EXECUTABLE))
    yield Protection("NX stack", presence(present=not flags & _MH_ALLOW_STACK_EXECUTION))
    is_arm = _ARCHITECTURES.get(int(header.header.cputype)) == "arm64"
    yield Protection("NX heap", presence(present=is_arm or bool(flags & _MH_NO_HEAP_EXECUTION)))
    yield Protection("stack canary", _has_symbol(b"___stack_chk_fail", header, commands, path))


def _has_symbol(
    name: bytes, header: MachOHeader, commands: list[tuple[Any, Any, Any]], path: Path
) -> Presence:
    """Tell whether a symbol, undefined ones included, has the *name*."""
    for load, command, _ in commands:
        if load.cmd == mach_o.LC_SYMTAB:
            with path.open("rb") as file:
                file.seek(int(header.offset) + int(command.stroff))
                return presence(present=name in file.read(int(command.strsize)).split(b"\0"))
    return Presence.UNKNOWN
