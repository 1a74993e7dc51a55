"""What any object file says of itself, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MISREADING = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    TypeError,
    ValueError,
)
"""What libraries that read object files raise for damaged ones, beside errors of their own."""


class Presence(StrEnum):
    """Whether a file has a protection."""

    YES = "yes"
    NO = "no"
    PARTIAL = "partial"
    UNKNOWN = "unknown"
    """The file does not tell: its symbols have been stripped."""


class Kind(StrEnum):
    """What an object file is to the system that loads it."""

    EXECUTABLE = "executable"
    PIE = "position-independent executable"
    SHARED_LIBRARY = "shared library"
    OBJECT = "object file"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class SymbolVersion:
    """A version of a library's symbols that must be there when the file is loaded."""

    library: str
    """The library by its SONAME: ``libc.so.6``."""
    version: str
    """``GLIBC_2.34``: the highest one of its name space."""


@dataclass(frozen=True, slots=True)
class Protection:
    """A measure against the exploitation of faults."""

    name: str
    """``RELRO``, ``NX``, ``ASLR`` ..."""
    presence: Presence


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """What an object file, or one architecture of a universal one, says of itself."""

    format: str
    """``ELF``, ``Mach-O`` or ``PE``."""
    architecture: str
    """As uname says it where there is such a machine: ``x86_64``, ``aarch64``, ``arm64``."""
    kind: Kind
    static: bool
    """Whether it runs without a dynamic linker and needs no library."""
    interpreter: str | None
    """Path of the dynamic linker that it names."""
    needed: tuple[str, ...]
    """Names of the libraries to be loaded with it, in order."""
    symbol_versions: tuple[SymbolVersion, ...]
    """In the order of the libraries in the file."""
    protections: tuple[Protection, ...]
    minimum_system: str | None = None
    """``macOS 11.0``, ``Windows 6.0``: the oldest system that loads it."""
    signed: bool | None = None
    """Whether it carries a signature, valid or not; None where the format has none."""


def presence(*, present: bool) -> Presence:
    """Return YES or NO."""
    return Presence.YES if present else Presence.NO
