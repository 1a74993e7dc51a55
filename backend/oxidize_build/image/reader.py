"""Read an image and check all of it, for ``oxidize verify`` and for tests.

The stub's reader checks what it meets; this one checks everything, and trusts nothing before.
"""

from __future__ import annotations

import hashlib
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import xxhash

from oxidize_build.errors import ImageError
from oxidize_build.image import format as fmt
from oxidize_build.image.format import ModuleFlag, ModuleKind, NodeFlag, NodeKind, Option, Section
from oxidize_build.image.unpacking import check_frame, unpacked
from oxidize_build.image.writer import OptionValue

_PIECE = 1 << 23
"""Bytes after which what has been read is released."""


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file of the tree."""

    path: PurePosixPath
    executable: bool
    offset: int
    """Of its content, in bytes from the beginning of the image."""
    size: int
    """Of its content, in bytes."""
    stored_size: int
    """What it takes of the image, in bytes."""
    is_compressed: bool


@dataclass(frozen=True, slots=True)
class PackedModule:
    """An entry of the import index."""

    name: str
    kind: ModuleKind
    is_package: bool
    path: PurePosixPath
    bytecode: PurePosixPath | None


@dataclass(frozen=True, slots=True)
class PackedLibrary:
    """A shared object, with those that have to be loaded before it."""

    path: PurePosixPath
    needs: tuple[PurePosixPath, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the memory of a snapshot."""

    name: str
    size: int
    """In bytes."""
    objects: int


@dataclass(frozen=True, slots=True)
class PackedSnapshot:
    """The state of a process that the executable starts from."""

    size: int
    """In bytes."""
    modules: tuple[str, ...]
    """Those that are imported in it, in order."""
    by_module: tuple[Share, ...]
    """What belongs to each module that was in memory, the largest first; of the interpreter's own too."""
    by_type: tuple[Share, ...]
    """All objects by their type, the largest first, and with `fmt.SNAPSHOT_TABLES` what they have besides."""


@dataclass(frozen=True, slots=True)
class Image:
    """All that an image holds."""

    python_version: int
    """``sys.hexversion`` of the interpreter that the bytecode is for."""
    files: tuple[PackedFile, ...]
    modules: tuple[PackedModule, ...]
    libraries: tuple[PackedLibrary, ...]
    pruned: tuple[str, ...]
    """Names of modules that a profile has left out, in order of name."""
    options: tuple[OptionValue, ...]
    dictionaries: tuple[bytes, ...]
    """What contents are compressed with."""
    snapshot: PackedSnapshot | None = None

    def content(self, file: PackedFile, stored: bytes) -> bytes:
        """Return the content of *file*, of which *stored* is what the image has."""
        if not file.is_compressed:
            return stored
        return b"".join(unpacked(stored, file.size, self.dictionaries))


def read_image(data: memoryview, release: Callable[[], object] = lambda: None) -> Image:
    """Check the whole image in *data* and return what it holds.

    *release* is called again and again when some megabytes have been read, so that the memory of what is
    mapped can be given back.

    Raises ImageError naming the first fault.
    """
    reader = _Reader(data, release)
    reader.read_header()
    dictionaries = reader.read_dictionaries()
    paths, files = reader.read_nodes(dictionaries)
    modules, pruned = reader.read_modules(paths)
    return Image(
        python_version=reader.python_version,
        files=tuple(files),
        modules=tuple(modules),
        libraries=tuple(reader.read_libraries(paths)),
        pruned=tuple(pruned),
        options=tuple(reader.read_options()),
        dictionaries=dictionaries,
        snapshot=reader.read_snapshot(),
    )


def _shares(lines: Sequence[str], kind: str) -> tuple[Share, ...]:
    """Return what lines of one *kind* tell, ``KIND SIZE OBJECTS NAME``."""
    sizes, objects = Counter[str](), Counter[str]()
    for line in lines:
        if line.startswith(f"{kind} "):
            _, size, count, name = line.split(" ", 3)
            sizes[name] += int(size)
            objects[name] += int(count)
    return tuple(
        Share(name, sizes[name], objects[name]) for name in sorted(sizes, key=lambda n: (-sizes[n], n))
    )


class _Reader:
    def __init__(self, data: memoryview, release: Callable[[], object]) -> None:
        self.data = data
        self.release = release
        self.read = 0
        self.python_version = 0
        self.sections: dict[Section, memoryview] = {}
        self.data_start = 0

    def slice(self, whole: memoryview, offset: int, size: int, what: str) -> memoryview:
        if offset > len(whole) or size > len(whole) - offset:
            raise ImageError(f"{what} lies outside the image")
        return whole[offset : offset + size]

    def pieces(self, content: memoryview) -> Iterator[memoryview]:
        """Yield *content* in pieces, and release what has been read."""
        for start in range(0, len(content), _PIECE):
            piece = content[start : start + _PIECE]
            yield piece
            self.read += len(piece)
            if self.read >= _PIECE:
                self.release()
                self.read = 0

    def check64(self, content: memoryview) -> int:
        digest = xxhash.xxh64()
        for piece in self.pieces(content):
            digest.update(piece)
        return digest.intdigest()

    def sha256(self, content: memoryview) -> bytes:
        digest = hashlib.sha256()
        for piece in self.pieces(content):
            digest.update(piece)
        return digest.digest()

    def read_header(self) -> None:
        head = self.slice(self.data, 0, fmt.HEADER.size, "the header")
        magic, size, version, python, count, _, digest, check = fmt.HEADER.struct.unpack(head)
        if magic != fmt.MAGIC:
            raise ImageError("no image: the magic number is missing")
        if version != fmt.FORMAT_VERSION or count != len(Section):
            raise ImageError(f"image format {version}, expected {fmt.FORMAT_VERSION}")
        table = self.slice(self.data, fmt.HEADER.size, count * fmt.SECTION.size, "the section table")
        if check != fmt.check64(table, fmt.check64(head[:-8])):
            raise ImageError("the header is damaged")
        if size != len(self.data):
            raise ImageError(f"the image has {len(self.data)} bytes, its header says {size}")
        if self.data[-len(fmt.END_MARKER) :] != fmt.END_MARKER:
            raise ImageError("the end marker is missing")
        if self.sha256(self.data[fmt.HEADER.size + len(table) :]) != digest:
            raise ImageError("the content does not match its SHA-256 digest")
        self.python_version = python
        for section, (offset, length, section_check) in zip(
            Section, fmt.SECTION.struct.iter_unpack(table), strict=True
        ):
            content = self.slice(self.data, offset, length, f"section {section.name}")
            if self.check64(content) != section_check:
                raise ImageError(f"section {section.name} is damaged")
            self.sections[section] = content
            if section is Section.DATA:
                self.data_start = offset

    def read_snapshot(self) -> PackedSnapshot | None:
        content = self.sections[Section.SNAPSHOT]
        if not content:
            return None
        head = self.slice(content, 0, fmt.SNAPSHOT.size, "the snapshot")
        names = [field.name for field in fmt.SNAPSHOT.fields]
        header = dict(zip(names, fmt.SNAPSHOT.struct.unpack(head), strict=True))
        if header["magic"] != fmt.SNAPSHOT_MAGIC or header["size"] != len(content):
            raise ImageError("the snapshot is damaged")
        modules = self.slice(content, header["modules"], header["modules_size"], "the snapshot's modules")
        account = self.slice(content, header["account"], header["account_size"], "the snapshot's account")
        lines = bytes(account).decode(errors="replace").splitlines()
        return PackedSnapshot(
            len(content),
            tuple(bytes(modules).decode().split("\0")[:-1]),
            *(_shares(lines, kind) for kind in "mt"),
        )

    def records(self, section: Section, record: fmt.Record) -> list[tuple[Any, ...]]:
        content = self.sections[section]
        if len(content) % record.size:
            raise ImageError(f"section {section.name} is not a whole number of records")
        return list(record.struct.iter_unpack(content))

    def text(self, offset: int, size: int) -> str:
        raw = bytes(self.slice(self.sections[Section.STRINGS], offset, size, "a name"))
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise ImageError(f"name {raw!r} is not UTF-8") from None

    def sealed(self, section: Section, record: fmt.Record, index: int, text: str = "") -> None:
        raw = self.sections[section][index * record.size : (index + 1) * record.size]
        (check,) = struct.unpack("<I", raw[-4:])
        if check != fmt.check32(raw[:-4], text.encode(), index):
            raise ImageError(f"{record.name} {index} is damaged")

    def read_dictionaries(self) -> tuple[bytes, ...]:
        dictionaries = []
        for index, (offset, check, size, _) in enumerate(self.records(Section.DICTIONARIES, fmt.DICTIONARY)):
            self.sealed(Section.DICTIONARIES, fmt.DICTIONARY, index)
            content = self.slice(self.sections[Section.DATA], offset, size, f"dictionary {index + 1}")
            if fmt.check64(content) != check:
                raise ImageError(f"dictionary {index + 1} is damaged")
            dictionaries.append(bytes(content))
        return tuple(dictionaries)

    def read_nodes(self, dictionaries: tuple[bytes, ...]) -> tuple[list[PurePosixPath], list[PackedFile]]:
        paths: list[PurePosixPath] = []
        files: list[PackedFile] = []
        for index, fields in enumerate(self.records(Section.NODES, fmt.NODE)):
            name_offset, name_size, kind, flags, parent, *_, offset, size, check, stored_size, _ = fields
            name = self.text(name_offset, name_size)
            self.sealed(Section.NODES, fmt.NODE, index, name)
            if parent > max(index - 1, 0):
                raise ImageError(f"node {index} stands before its parent")
            paths.append(paths[parent] / name if index else PurePosixPath())
            if kind == NodeKind.FILE:
                compressed = bool(flags & NodeFlag.COMPRESSED)
                stored = stored_size if compressed else size
                content = self.slice(self.sections[Section.DATA], offset, stored, str(paths[-1]))
                if self.check64(content) != check:
                    raise ImageError(f"{paths[-1]} is damaged")
                if compressed:
                    check_frame(content, size, dictionaries, str(paths[-1]))
                executable = bool(flags & NodeFlag.EXECUTABLE)
                place = self.data_start + offset
                files.append(PackedFile(paths[-1], executable, place, size, stored, compressed))
            elif kind != NodeKind.DIRECTORY:
                raise ImageError(f"node {index} is of unknown kind {kind}")
        return paths, files

    def read_modules(self, paths: list[PurePosixPath]) -> tuple[list[PackedModule], list[str]]:
        modules: list[PackedModule] = []
        pruned: list[str] = []
        names: list[str] = []
        for index, fields in enumerate(self.records(Section.MODULES, fmt.MODULE)):
            name_offset, name_size, kind, flags, node, bytecode, _, _ = fields
            name = self.text(name_offset, name_size)
            self.sealed(Section.MODULES, fmt.MODULE, index, name)
            names.append(name)
            if kind == ModuleKind.PRUNED:
                pruned.append(name)
                continue
            pyc = None if bytecode == fmt.NONE else _at(paths, bytecode, "node")
            package = bool(flags & ModuleFlag.PACKAGE)
            modules.append(PackedModule(name, ModuleKind(kind), package, _at(paths, node, "node"), pyc))
        self.check_buckets(names)
        return modules, pruned

    def check_buckets(self, names: list[str]) -> None:
        slots = [slot[0] for slot in self.records(Section.BUCKETS, fmt.BUCKET)]
        for index in range(len(slots)):
            self.sealed(Section.BUCKETS, fmt.BUCKET, index)
        for index, name in enumerate(names):
            slot = fmt.check64(name.encode()) % len(slots)
            while slots[slot] not in (index, fmt.NONE):
                slot = (slot + 1) % len(slots)
            if slots[slot] != index:
                raise ImageError(f"module {name} is not in the hash table")

    def read_libraries(self, paths: list[PurePosixPath]) -> list[PackedLibrary]:
        records = self.records(Section.LIBRARIES, fmt.LIBRARY)
        needs = [need[0] for need in self.records(Section.DEPENDENCIES, fmt.DEPENDENCY)]
        for index in range(len(needs)):
            self.sealed(Section.DEPENDENCIES, fmt.DEPENDENCY, index)
        own = [_at(paths, node, "node") for node, *_ in records]
        libraries = []
        for index, (_, first, count, _) in enumerate(records):
            self.sealed(Section.LIBRARIES, fmt.LIBRARY, index)
            if first + count > len(needs):
                raise ImageError(f"library {index} needs libraries outside the table")
            dependencies = tuple(_at(own, need, "library") for need in needs[first : first + count])
            libraries.append(PackedLibrary(own[index], dependencies))
        return libraries

    def read_options(self) -> list[OptionValue]:
        options = []
        for key, size, offset, number, check in self.records(Section.OPTIONS, fmt.OPTION):
            text = self.text(offset, size)
            if fmt.check64(text.encode()) != check:
                raise ImageError(f"option {key} is damaged")
            options.append(OptionValue(Option(key), text, number))
        return options


def _at(items: list[PurePosixPath], index: int, what: str) -> PurePosixPath:
    if index >= len(items):
        raise ImageError(f"{what} {index} does not exist")
    return items[index]
