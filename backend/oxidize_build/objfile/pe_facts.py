"""What a PE file (a program or library for Windows) says of itself.

Reading is pefile's work; what the fields mean is in Microsoft's "PE Format".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pefile

from oxidize_build.errors import ObjectFileError
from oxidize_build.objfile.facts import MISREADING, Kind, ObjectFacts, Presence, Protection, presence

MAGIC = b"MZ"
DAMAGE = (pefile.PEFormatError, *MISREADING, struct.error)
"""What pefile raises for damaged input, beside its own error."""

_ARCHITECTURES = {0x14C: "i686", 0x1C4: "armv7", 0x8664: "x86_64", 0xAA64: "aarch64"}
_DLL, _EXECUTABLE_IMAGE = 0x2000, 0x2
_MITIGATIONS = (
    (0x0040, "ASLR"),
    (0x0020, "high-entropy ASLR"),
    (0x0100, "DEP"),
    (0x4000, "CFG"),
)
"""Bits of ``DllCharacteristics``."""
_IMPORTS, _SECURITY, _LOAD_CONFIGURATION, _DELAYED_IMPORTS = 1, 4, 10, 13
"""Indexes of data directories."""
_PE: TypeAlias = Any
"""A file as pefile has it, which makes its attributes at run time."""


def pe_facts(path: Path) -> ObjectFacts:
    """Return what the PE file at *path* says of itself.

    Raises ObjectFileError if it is damaged.
    """
    try:
        file = pefile.PE(str(path), fast_load=True)
        try:
            return _facts(file)
        finally:
            file.close()
    except DAMAGE as error:
        raise ObjectFileError(f"{path}: malformed or truncated PE file ({error})") from error


def _facts(file: _PE) -> ObjectFacts:
    _check_size(file)
    file.parse_data_directories(directories=[_IMPORTS, _LOAD_CONFIGURATION, _DELAYED_IMPORTS])
    header, optional = file.FILE_HEADER, file.OPTIONAL_HEADER
    machine = int(header.Machine)
    needed = tuple(dict.fromkeys(_needed(file)))
    kind = _kind(int(header.Characteristics))
    return ObjectFacts(
        format="PE",
        architecture=_ARCHITECTURES.get(machine, f"machine {machine:#x}"),
        kind=kind,
        static=kind is Kind.EXECUTABLE and not needed,
        interpreter=None,
        needed=needed,
        symbol_versions=(),
        protections=tuple(_protections(file)),
        minimum_system=f"Windows {optional.MajorSubsystemVersion}.{optional.MinorSubsystemVersion}",
        signed=_has_directory(file, _SECURITY),
    )


def _check_size(file: _PE) -> None:
    """Raise ValueError if the file ends within a section or the signature, of which pefile warns only."""
    size = len(file.__data__)
    for section in file.sections:
        if section.PointerToRawData + section.SizeOfRawData > size:
            raise ValueError(f"a section would end behind the end of the file, at byte {size}")
    if _has_directory(file, _SECURITY):  # the only one that is given by its place in the file
        directory = file.OPTIONAL_HEADER.DATA_DIRECTORY[_SECURITY]
        if directory.VirtualAddress + directory.Size > size:
            raise ValueError(f"its signature would end behind the end of the file, at byte {size}")
    if len(file.sections) < int(file.FILE_HEADER.NumberOfSections):
        raise ValueError("its table of sections is cut short")


def _kind(characteristics: int) -> Kind:
    if characteristics & _DLL:
        return Kind.SHARED_LIBRARY
    return Kind.EXECUTABLE if characteristics & _EXECUTABLE_IMAGE else Kind.OTHER


def _needed(file: _PE) -> Iterator[str]:
    for attribute in ("DIRECTORY_ENTRY_IMPORT", "DIRECTORY_ENTRY_DELAY_IMPORT"):
        for entry in getattr(file, attribute, ()):
            yield bytes(entry.dll or b"?").decode(errors="replace")


def _has_directory(file: _PE, index: int) -> bool:
    directories = file.OPTIONAL_HEADER.DATA_DIRECTORY
    return len(directories) > index and directories[index].Size > 0


def _protections(file: _PE) -> Iterator[Protection]:
    characteristics = int(file.OPTIONAL_HEADER.DllCharacteristics)
    for bit, name in _MITIGATIONS:
        yield Protection(name, presence(present=bool(characteristics & bit)))
    configuration = getattr(file, "DIRECTORY_ENTRY_LOAD_CONFIG", None)
    cookie = getattr(getattr(configuration, "struct", None), "SecurityCookie", None)
    found = Presence.UNKNOWN if configuration is None else presence(present=bool(cookie))
    yield Protection("stack canary", found)
