"""The typed records that every stage after collection speaks.

A resource is a file of the tree inside the executable, plus what kind of thing it is to Python.
Paths are relative to the root of that tree, which is ``sys.prefix`` at run time, and look like
those of a virtual environment: ``lib/python3.13/site-packages/flask/__init__.py``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import TypeAlias

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of a file: a file on the building machine, or bytes made by the build."""

    source: Path | bytes
    compressed: Content | None = None
    """What is stored in its place in the image: a zstd frame (:mod:`compression` makes it)."""

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.source) if isinstance(self.source, bytes) else self.source.stat().st_size

    def read(self) -> bytes:
        """Return all of it."""
        return self.source if isinstance(self.source, bytes) else self.source.read_bytes()

    def chunks(self) -> Iterator[bytes]:
        """Yield it in pieces of at most one mebibyte, so that no large file is held whole."""
        if isinstance(self.source, bytes):
            yield self.source
            return
        with self.source.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def sha256(self) -> str:
        """Return the SHA-256 digest in hexadecimal."""
        digest = hashlib.sha256()
        for chunk in self.chunks():
            digest.update(chunk)
        return digest.hexdigest()


class Placement(StrEnum):
    """Where a file is when the executable runs."""

    MEMORY = "memory"
    """In the executable."""
    FILESYSTEM = "filesystem"
    """In a directory that is delivered beside the executable."""
    EXTRACT = "extract"
    """In a cache of the user, unpacked at the first start."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file that is neither code nor a shared library: package data, metadata, a script."""

    path: PurePosixPath
    content: Content
    origin: str
    """Name of the distribution it came from; ``python`` for the runtime's own files."""
    executable: bool = False
    placement: Placement = Placement.MEMORY
    compression: bool | None = None
    """Whether it is compressed; None: as the executable's other files are."""


@dataclass(frozen=True, slots=True)
class SourceModule:
    """A module written in Python, with its compiled bytecode once that stage has run."""

    name: str
    """Full dotted name."""
    is_package: bool
    path: PurePosixPath
    content: Content
    origin: str
    bytecode: Content | None = None
    """A complete ``.pyc`` file: 16 bytes of header (PEP 552), then a marshalled code object."""
    executable: bool = False
    """It can be started as a script."""
    placement: Placement = Placement.MEMORY
    compression: bool | None = None
    """Whether it is compressed; None: as the executable's other files are."""
    packs_source: bool = True
    """Without it tracebacks show no source lines."""
    packs_bytecode: bool = True
    """Without it the module is compiled whenever it is imported."""
    optimize: int | None = None
    """Level of the bytecode, as of ``python -O``: 0, 1 or 2; None: that of the executable's interpreter."""


@dataclass(frozen=True, slots=True)
class NamespacePackage:
    """A directory without ``__init__`` that holds modules (PEP 420)."""

    name: str
    path: PurePosixPath
    """The directory."""
    origin: str


@dataclass(frozen=True, slots=True)
class ExtensionModule:
    """A module compiled to a shared object."""

    name: str
    is_package: bool
    path: PurePosixPath
    content: Content
    origin: str
    needs: tuple[PurePosixPath, ...] = ()
    """Packed shared libraries to be loaded before it, in that order."""
    placement: Placement = Placement.MEMORY
    compression: bool | None = None
    """Whether it is compressed; None: as the executable's other files are."""


@dataclass(frozen=True, slots=True)
class SharedLibrary:
    """A shared object that is not a module: bundled by a wheel, or taken from the host."""

    path: PurePosixPath
    content: Content
    origin: str
    soname: str
    needs: tuple[PurePosixPath, ...] = ()
    """Packed shared libraries to be loaded before it, in that order."""
    taken_from: Path | None = None
    """The file of the building machine that it is a copy of; None for one that a wheel brings."""
    placement: Placement = Placement.MEMORY
    compression: bool | None = None
    """Whether it is compressed; None: as the executable's other files are."""


Resource: TypeAlias = DataFile | SourceModule | NamespacePackage | ExtensionModule | SharedLibrary
