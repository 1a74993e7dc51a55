"""Write an image: resources in, one file out.

The same resources give the same bytes, in whatever order they come.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO, TypeAlias

import xxhash

from oxidize_build.errors import ImageError
from oxidize_build.image import format as fmt
from oxidize_build.image.format import ModuleFlag, ModuleKind, NodeFlag, NodeKind, Option, Section
from oxidize_build.image.order import LAST, UNORDERED, UseOrder
from oxidize_build.resources import (
    CHUNK,
    Content,
    DataFile,
    ExtensionModule,
    NamespacePackage,
    Resource,
    SharedLibrary,
    SourceModule,
)

_ROOT = PurePosixPath()


@dataclass(frozen=True, slots=True)
class OptionValue:
    """One setting of the image: a text or a number."""

    key: Option
    text: str = ""
    number: int = 0


@dataclass(slots=True)
class _Node:
    path: PurePosixPath
    content: Content | None = None
    """None for a directory."""
    alignment: int = 1
    flags: int = 0
    rank: int = LAST
    """Among the contents of its kind."""
    children: list[_Node] = field(default_factory=list)
    parent: int = 0
    index: int = 0
    library: int = fmt.NONE
    offset: int = 0
    size: int = 0
    """Of the content."""
    stored: Content | None = None
    """The content as it stands in DATA: itself, or compressed."""
    stored_size: int = 0
    check: int = 0

    @property
    def is_compressed(self) -> bool:
        return self.stored is not self.content


@dataclass(slots=True)
class _Strings:
    """The string pool: every text once."""

    data: bytearray = field(default_factory=bytearray)
    offsets: dict[str, int] = field(default_factory=dict)

    def add(self, text: str) -> tuple[int, int, bytes]:
        """Return offset, size and bytes of *text*."""
        encoded = text.encode()
        if text not in self.offsets:
            self.offsets[text] = len(self.data)
            self.data += encoded
        return self.offsets[text], len(encoded), encoded


def write_image(  # noqa: PLR0913 - an image has that many parts
    output: Path,
    resources: Iterable[Resource],
    options: Sequence[OptionValue],
    *,
    hexversion: int,
    cache_tag: str,
    dictionaries: Sequence[bytes] = (),
    order: UseOrder = UNORDERED,
    snapshot: bytes = b"",
) -> None:
    """Write the image of *resources* to *output*, with a *snapshot* if there is one.

    *dictionaries* are those that compressed contents need; the first one has the number 1. Contents stand in
    *order*.

    *hexversion* is ``sys.hexversion`` of the interpreter that the bytecode is for, *cache_tag* the
    tag of its bytecode files. Raises ImageError when two resources claim one path or one module name,
    or when a library needs one that is not packed. Contents are streamed, never held.
    """
    ordered = sorted(resources, key=lambda resource: (resource.path, type(resource).__name__))
    tree = _plant(ordered, cache_tag, order)
    nodes = _number(tree[_ROOT])
    words = [
        _Node(_ROOT, Content(dictionary), fmt.BYTECODE_ALIGNMENT, rank=-1) for dictionary in dictionaries
    ]
    contents = [*words, *nodes]
    data_size = _place_data(contents)
    strings = _Strings()
    sections = _lists(ordered, tree, options, order, cache_tag, strings)
    for node in nodes:
        strings.add(node.path.name)
    sections[Section.STRINGS] = bytes(strings.data)
    # Room: these tell of the contents' checksums, which are known when they have been written
    sections[Section.NODES] = bytes(len(nodes) * fmt.NODE.size)
    sections[Section.DICTIONARIES] = bytes(len(words) * fmt.DICTIONARY.size)
    offsets = _place_sections(sections)
    start = offsets[Section.DATA]
    with output.open("w+b") as file:
        check = _write_data(file, start, contents)
        sections[Section.NODES] = _nodes(nodes, strings)
        sections[Section.DICTIONARIES] = _dictionaries(words)
        table = [_write_part(file, offsets[part], sections[part]) for part in Section if part in sections]
        table.append((start, data_size, check))
        end = start + data_size
        table.append(_write_part(file, _aligned(end, fmt.PAGE) if snapshot else end, snapshot))
        file.write(fmt.END_MARKER)
        _write_header(file, table, size=file.tell(), hexversion=hexversion)


def pyc_path(source: PurePosixPath, cache_tag: str) -> PurePosixPath:
    """Return where the bytecode of *source* stands in the tree (PEP 3147)."""
    return source.parent / "__pycache__" / f"{source.stem}.{cache_tag}.pyc"


def bytecode_path(module: SourceModule, cache_tag: str) -> PurePosixPath:
    """Return where the bytecode of *module* stands: in the place of its source, if that is not packed."""
    if module.packs_source:
        return pyc_path(module.path, cache_tag)
    return module.path.with_name(f"{module.path.name.removesuffix('.py')}.pyc")


# --- the tree --------------------------------------------------------------------------------


def _plant(resources: Iterable[Resource], cache_tag: str, order: UseOrder) -> dict[PurePosixPath, _Node]:
    tree = {_ROOT: _Node(_ROOT)}
    for resource in resources:
        if isinstance(resource, NamespacePackage):
            _directory(tree, resource.path)
            continue
        if not isinstance(resource, SourceModule) or resource.packs_source:
            _add_file(tree, _file_node(resource, order))
        if isinstance(resource, SourceModule) and resource.bytecode is not None:
            path = bytecode_path(resource, cache_tag)
            rank = order.module(resource.name)
            _add_file(tree, _Node(path, resource.bytecode, fmt.BYTECODE_ALIGNMENT, rank=rank))
    for node in tree.values():
        node.children.sort(key=lambda child: child.path.name.encode())
    return tree


def _file_node(resource: DataFile | SourceModule | ExtensionModule | SharedLibrary, order: UseOrder) -> _Node:
    rank = order.file(str(resource.path))
    match resource:
        case ExtensionModule():
            rank = order.module(resource.name)
            return _Node(resource.path, resource.content, fmt.PAGE, NodeFlag.EXECUTABLE, rank)
        case SharedLibrary():
            return _Node(resource.path, resource.content, fmt.PAGE, NodeFlag.EXECUTABLE, rank)
        case DataFile(executable=True) | SourceModule(executable=True):
            return _Node(resource.path, resource.content, 1, NodeFlag.EXECUTABLE, rank)
    return _Node(resource.path, resource.content, rank=rank)


def _add_file(tree: dict[PurePosixPath, _Node], node: _Node) -> None:
    if node.path in tree:
        raise ImageError(f"two resources claim the path {node.path}")
    _directory(tree, node.path.parent).children.append(node)
    tree[node.path] = node


def _directory(tree: dict[PurePosixPath, _Node], path: PurePosixPath) -> _Node:
    if path not in tree:
        tree[path] = _Node(path)
        _directory(tree, path.parent).children.append(tree[path])
    node = tree[path]
    if node.content is not None:
        raise ImageError(f"{path} is both a file and a directory")
    return node


def _number(root: _Node) -> list[_Node]:
    """Return all nodes breadth first, so that the children of each directory stand together."""
    nodes = [root]
    for node in nodes:
        for child in node.children:
            child.parent = node.index
            child.index = len(nodes)
            nodes.append(child)
    return nodes


def _number_libraries(
    resources: Iterable[Resource], tree: dict[PurePosixPath, _Node]
) -> list[ExtensionModule | SharedLibrary]:
    libraries = [r for r in resources if isinstance(r, (ExtensionModule, SharedLibrary))]
    for index, library in enumerate(libraries):
        tree[library.path].library = index
    return libraries


# --- contents --------------------------------------------------------------------------------


def _aligned(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment


def _place_data(nodes: Iterable[_Node]) -> int:
    """Give every file its place in DATA and return the size of that: bytecode first, it is hot.

    Of each kind what is used comes first, in that order.
    """
    rank = {fmt.BYTECODE_ALIGNMENT: 0, fmt.PAGE: 1, 1: 2}
    offset = 0
    for node in sorted(nodes, key=lambda node: (rank[node.alignment], node.rank, node.index)):
        if node.content is not None:
            node.stored = node.content.compressed or node.content
            node.offset = _aligned(offset, 1 if node.is_compressed else node.alignment)
            node.size = node.content.size
            node.stored_size = node.stored.size
            offset = node.offset + node.stored_size
    return offset


def _write_data(file: BinaryIO, start: int, nodes: Iterable[_Node]) -> int:
    """Write all contents, record the checksum of each, and return that of the whole section."""
    whole = xxhash.xxh64()
    written = 0
    for node in sorted((n for n in nodes if n.content is not None), key=lambda n: (n.offset, n.index)):
        padding = bytes(node.offset - written)
        file.seek(start + written)
        file.write(padding)
        whole.update(padding)
        own = xxhash.xxh64()
        written = node.offset
        for chunk in node.stored.chunks() if node.stored else ():
            file.write(chunk)
            own.update(chunk)
            whole.update(chunk)
            written += len(chunk)
        if written != node.offset + node.stored_size:
            raise ImageError(f"{node.path} changed while it was being packed")
        node.check = own.intdigest()
    return whole.intdigest()


def _write_part(file: BinaryIO, offset: int, data: bytes) -> tuple[int, int, int]:
    """Write *data* and return its row in the table of sections: offset, size and checksum."""
    file.seek(offset)
    file.write(data)
    return offset, len(data), fmt.check64(data)


# --- records ---------------------------------------------------------------------------------


def _sealed(record: fmt.Record, index: int, values: Sequence[object], text: bytes = b"") -> bytes:
    """Pack *values* and end them with the record's checksum."""
    body = record.struct.pack(*values, 0)[:-4]
    return body + struct.pack("<I", fmt.check32(body, text, index))


def _nodes(nodes: Iterable[_Node], strings: _Strings) -> bytes:
    packed = bytearray()
    for node in nodes:
        offset, size, name = strings.add(node.path.name)
        kind = NodeKind.DIRECTORY if node.content is None else NodeKind.FILE
        first = node.children[0].index if node.children else 0
        flags = node.flags | (NodeFlag.COMPRESSED if node.is_compressed else 0)
        entry = (offset, size, kind, flags, node.parent, first, len(node.children), node.library)
        content = (node.offset, node.size, node.check, node.stored_size if node.is_compressed else 0)
        packed += _sealed(fmt.NODE, node.index, (*entry, *content), name)
    return bytes(packed)


def _dictionaries(words: Iterable[_Node]) -> bytes:
    return b"".join(
        _sealed(fmt.DICTIONARY, index, (word.offset, word.check, word.size))
        for index, word in enumerate(words)
    )


def _lists(
    resources: Sequence[Resource],
    tree: dict[PurePosixPath, _Node],
    options: Iterable[OptionValue],
    order: UseOrder,
    cache_tag: str,
    strings: _Strings,
) -> dict[Section, bytes]:
    """Return the sections that are lists of modules, libraries and options."""
    libraries = _number_libraries(resources, tree)
    sections = {}
    modules = _modules(resources, order)
    sections[Section.BUCKETS], sections[Section.MODULES] = _index(modules, tree, strings, cache_tag)
    sections[Section.LIBRARIES], sections[Section.DEPENDENCIES] = _link(libraries, tree)
    sections[Section.OPTIONS] = _options(options, strings)
    return sections


@dataclass(frozen=True, slots=True)
class _Pruned:
    """A module that has been left out."""

    name: str


_Module: TypeAlias = SourceModule | ExtensionModule | NamespacePackage | _Pruned


def _modules(resources: Iterable[Resource], order: UseOrder) -> list[_Module]:
    """Return what the index lists: what is used first, for the pages of the index count as well."""
    modules: list[_Module] = [
        r for r in resources if isinstance(r, (SourceModule, ExtensionModule, NamespacePackage))
    ]
    modules += map(_Pruned, order.pruned)
    return sorted(modules, key=lambda module: (order.module(module.name), module.name))


def _index(
    modules: Sequence[_Module],
    tree: dict[PurePosixPath, _Node],
    strings: _Strings,
    cache_tag: str,
) -> tuple[bytes, bytes]:
    """Return the hash table and the modules."""
    packed = bytearray()
    slots = [fmt.NONE] * (1 << max(3, (2 * len(modules)).bit_length()))
    seen: dict[str, str] = {}
    for index, module in enumerate(modules):
        place = "pruned" if isinstance(module, _Pruned) else str(module.path)
        if module.name in seen:
            raise ImageError(f"module {module.name} is both {seen[module.name]} and {place}")
        seen[module.name] = place
        offset, size, name = strings.add(module.name)
        kind, flags = _module_kind(module)
        node, bytecode = _nodes_of(module, tree, cache_tag)
        values = (offset, size, kind, flags, node, bytecode, 0)
        packed += _sealed(fmt.MODULE, index, values, name)
        slot = fmt.check64(name) % len(slots)
        while slots[slot] != fmt.NONE:
            slot = (slot + 1) % len(slots)
        slots[slot] = index
    buckets = b"".join(_sealed(fmt.BUCKET, slot, (index,)) for slot, index in enumerate(slots))
    return buckets, bytes(packed)


def _nodes_of(module: _Module, tree: dict[PurePosixPath, _Node], cache_tag: str) -> tuple[int, int]:
    """Return the nodes of the module itself and of its bytecode."""
    if isinstance(module, _Pruned):
        return fmt.NONE, fmt.NONE
    bytecode = fmt.NONE
    if isinstance(module, SourceModule) and module.bytecode is not None:
        bytecode = tree[bytecode_path(module, cache_tag)].index
    has_source = not isinstance(module, SourceModule) or module.packs_source
    return (tree[module.path].index if has_source else bytecode), bytecode


def _module_kind(module: _Module) -> tuple[ModuleKind, int]:
    if isinstance(module, _Pruned):
        return ModuleKind.PRUNED, 0
    if isinstance(module, NamespacePackage):
        return ModuleKind.NAMESPACE, ModuleFlag.PACKAGE
    flags = ModuleFlag.PACKAGE if module.is_package else 0
    return (ModuleKind.SOURCE if isinstance(module, SourceModule) else ModuleKind.EXTENSION), flags


def _link(
    libraries: Sequence[ExtensionModule | SharedLibrary], tree: dict[PurePosixPath, _Node]
) -> tuple[bytes, bytes]:
    """Return the libraries and the list of what each one needs."""
    packed = bytearray()
    needs: list[int] = []
    for index, library in enumerate(libraries):
        values = (tree[library.path].index, len(needs), len(library.needs))
        packed += _sealed(fmt.LIBRARY, index, values)
        for path in library.needs:
            if path not in tree or tree[path].library == fmt.NONE:
                raise ImageError(f"{library.path} needs {path}, which is not a packed shared library")
            needs.append(tree[path].library)
    dependencies = b"".join(_sealed(fmt.DEPENDENCY, index, (need,)) for index, need in enumerate(needs))
    return bytes(packed), dependencies


def _options(options: Iterable[OptionValue], strings: _Strings) -> bytes:
    packed = bytearray()
    for option in options:
        offset, size, text = strings.add(option.text)
        packed += fmt.OPTION.struct.pack(option.key, size, offset, option.number, fmt.check64(text))
    return bytes(packed)


# --- the whole -------------------------------------------------------------------------------


def _place_sections(sections: dict[Section, bytes]) -> dict[Section, int]:
    offset = fmt.HEADER.size + len(Section) * fmt.SECTION.size
    offsets: dict[Section, int] = {}
    for section in Section:
        offset = _aligned(offset, fmt.PAGE if section is Section.DATA else 8)
        offsets[section] = offset
        offset += len(sections.get(section, b""))
    return offsets


def _write_header(
    file: BinaryIO, table: Sequence[tuple[int, int, int]], *, size: int, hexversion: int
) -> None:
    packed_table = b"".join(fmt.SECTION.struct.pack(*entry) for entry in table)
    digest = hashlib.sha256()
    file.seek(fmt.HEADER.size + len(packed_table))
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    values = (fmt.MAGIC, size, fmt.FORMAT_VERSION, hexversion, len(table), 0, digest.digest())
    body = fmt.HEADER.struct.pack(*values, 0)[:-8]
    file.seek(0)
    file.write(body + struct.pack("<Q", fmt.check64(packed_table, fmt.check64(body))) + packed_table)
