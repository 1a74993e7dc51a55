"""What is in a finished executable: every file of its tree, what it is, and what it came with."""

from __future__ import annotations

import csv
import io
import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from typing import BinaryIO

from oxidize_build.image.format import ModuleKind
from oxidize_build.image.reader import Image, PackedSnapshot
from oxidize_build.libraries import LIBRARY_DIRECTORY
from oxidize_build.verify import VerifyReport

PYTHON = "python"
"""Stands for the standard library among the distributions."""
SYSTEM = "(system libraries)"
"""Stands for shared libraries that were taken from the building machine."""
OTHER = "(other)"
"""Stands for the program's own files, and what else belongs to no distribution."""
_STDLIB = re.compile(r"lib/python3\.\d+t?/(?!site-packages/)")
_SITE_PACKAGES = re.compile(r"(lib/python3\.\d+t?/site-packages)/([^/]+)\.dist-info/RECORD")


class Part(StrEnum):
    """What a stretch of an executable is."""

    STUB = "stub"
    """The program itself: the interpreter and the modules that are linked into it."""
    INDEX = "index"
    """What the image has to find files and modules by, and the gaps between files."""
    BYTECODE = "bytecode"
    SOURCE = "source"
    LIBRARIES = "libraries"
    """Extension modules and shared libraries."""
    DATA = "data"
    SNAPSHOT = "snapshot"
    """The state of a process that the executable starts from."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the tree."""

    path: PurePosixPath
    size: int
    """What it takes of the executable, in bytes."""
    part: Part
    package: str
    """The distribution that it came with, :data:`PYTHON`, :data:`SYSTEM` or :data:`OTHER`."""
    content_size: int | None = None
    """Of its content in bytes, if that is compressed; None: it is the same."""


@dataclass(frozen=True, slots=True)
class Compression:
    """What the compressed files of an executable are together."""

    files: int
    """How many there are."""
    size: int
    """Of their contents, in bytes."""
    packed: int
    """What they take of the executable, in bytes."""

    def __str__(self) -> str:
        return f"{self.files} files, {self.size / 1e6:.1f} MB to {self.packed / 1e6:.1f}"


@dataclass(frozen=True, slots=True)
class Folder:
    """A directory of the tree, with the files that are looked at."""

    folders: dict[str, Folder] = field(default_factory=dict)
    files: list[Entry] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Of all files below it, in bytes."""
        return sum(entry.size for entry in self.files) + sum(folder.size for folder in self.folders.values())


def folders(entries: Iterable[Entry]) -> Folder:
    """Return the root directory of *entries*."""
    root = Folder()
    for entry in entries:
        folder = root
        for name in entry.path.parts[:-1]:
            folder = folder.folders.setdefault(name, Folder())
        folder.files.append(entry)
    return root


@dataclass(frozen=True, slots=True)
class Contents:
    """All that an executable is made of."""

    total: int
    """Of the file, in bytes."""
    stub: int
    """Of the program in front of the image, in bytes."""
    entries: tuple[Entry, ...]
    """In order of path."""
    snapshot: PackedSnapshot | None = None
    program_size: int | None = None
    """Of the program in front of the image when it runs, in bytes, if it is compressed."""

    def parts(self) -> dict[Part, int]:
        """Return the size of each part that there is in bytes; together they are the whole file."""
        sizes = Counter(dict.fromkeys(Part, 0))
        for entry in self.entries:
            sizes[entry.part] += entry.size
        sizes[Part.STUB] = self.stub
        if self.snapshot is not None:
            sizes[Part.SNAPSHOT] = self.snapshot.size
        else:
            del sizes[Part.SNAPSHOT]
        sizes[Part.INDEX] = self.total - sum(sizes.values())
        return dict(sizes)

    def compression(self) -> Compression:
        """Return what compression has made of the files."""
        compressed = [entry for entry in self.entries if entry.content_size is not None]
        return Compression(
            files=len(compressed),
            size=sum(entry.content_size or 0 for entry in compressed),
            packed=sum(entry.size for entry in compressed),
        )

    def packages(self) -> dict[str, int]:
        """Return the size of each distribution's files in bytes, the largest first."""
        sizes: Counter[str] = Counter()
        for entry in self.entries:
            sizes[entry.package] += entry.size
        return dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0])))


def read_contents(report: VerifyReport) -> Contents:
    """Return what is in the executable of *report*."""
    image = report.image
    parts = _parts(image)
    with report.path.open("rb") as stream:
        owners = _owners(report, stream)
    entries = (
        Entry(
            file.path,
            file.stored_size,
            parts.get(file.path, Part.DATA),
            _package(file.path, owners),
            file.size if file.is_compressed else None,
        )
        for file in image.files
    )
    ordered = tuple(sorted(entries, key=lambda entry: entry.path))
    return Contents(report.size, report.image_offset, ordered, report.image.snapshot, report.program_size)


def _parts(image: Image) -> dict[PurePosixPath, Part]:
    parts = {library.path: Part.LIBRARIES for library in image.libraries}
    for module in image.modules:
        if module.kind is ModuleKind.SOURCE:
            parts[module.path] = Part.SOURCE
        if module.bytecode is not None:
            parts[module.bytecode] = Part.BYTECODE
    return parts


def _package(path: PurePosixPath, owners: Mapping[PurePosixPath, str]) -> str:
    source = path
    if path.parent.name == "__pycache__":
        source = path.parent.parent / f"{path.name.partition('.')[0]}.py"
    owner = owners.get(path) or owners.get(source)
    if owner is not None:
        return owner
    if _STDLIB.match(str(path)):
        return PYTHON
    return SYSTEM if path.parent == LIBRARY_DIRECTORY else OTHER


def _owners(report: VerifyReport, stream: BinaryIO) -> dict[PurePosixPath, str]:
    """Return the distribution of each file that the packed RECORD files list (PEP 376)."""
    owners: dict[PurePosixPath, str] = {}
    for file in report.image.files:
        match = _SITE_PACKAGES.fullmatch(str(file.path))
        if match:
            name = match[2].rpartition("-")[0] or match[2]
            for path in _recorded(report.read(file, stream), match[1]):
                owners[path] = name
    return owners


def _recorded(record: bytes, site_packages: str) -> Iterator[PurePosixPath]:
    rows: Iterable[list[str]] = csv.reader(io.StringIO(record.decode(errors="replace")))
    for row in rows:
        if row:
            yield PurePosixPath(posixpath.normpath(f"{site_packages}/{row[0]}"))
