"""Tell what each file is to the import system: a module, a package, a library or data.

The rules are those of ``importlib``'s path finder, asked for every name that the tree could answer:
of several directories the first with a module or package of a name wins, and in one directory a
package comes before an extension module, and that before a source file. Directories without
``__init__`` count where nothing else has their name (PEP 420).
"""

from __future__ import annotations

import mmap
import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from oxidize_build.errors import ImageError
from oxidize_build.objfile.elf import read_dynamic
from oxidize_build.resources import (
    Content,
    DataFile,
    ExtensionModule,
    NamespacePackage,
    SharedLibrary,
    SourceModule,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from oxidize_build.resources import Resource
    from oxidize_build.runtime.model import Runtime

SOURCE_SUFFIX = ".py"

LIBRARY_NAME = re.compile(r".+\.so(\..+)?")
"""``libz.so``, ``libz.so.1.3``."""

MODULE_TAG = re.compile(r"\.(abi\d+|cpython-|pypy|graalpy)[^.]*\.so$")
"""The ABI tag of an extension module's file name (PEP 3149, PEP 384)."""

ELF_MAGIC = b"\x7fELF"
ELF_TYPE = slice(16, 18)
ET_DYN = (3).to_bytes(2, "little")


def classify(files: Iterable[DataFile], runtime: Runtime) -> list[Resource]:
    """Return each of *files* as what it is to Python, and the namespace packages, in order of path.

    The directories that lead to a module have identifiers for names, but may begin with a digit, and
    the module's own name is anything without a dot: ``importlib.import_module`` takes such names, as
    in ``0001_initial`` (Django), ``_sysconfigdata__linux_x86_64-linux-gnu`` or the modules of mypyc.
    A module that an earlier root hides, and an extension module of another ABI, is data.
    """
    tree = _Tree.of(files)
    modules = _modules("", [str(root) for root in runtime.module_roots], tree, runtime.extension_suffixes)
    taken = {module.path for module in modules}
    others = [_library_or_data(file) for file in tree.all_files() if file.path not in taken]
    return sorted([*modules, *others], key=lambda resource: resource.path)


@dataclass(frozen=True, slots=True)
class _Tree:
    """Files and directories by the directory they are in."""

    files: dict[str, dict[str, DataFile]] = field(default_factory=lambda: defaultdict(dict))
    directories: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    @classmethod
    def of(cls, files: Iterable[DataFile]) -> _Tree:
        tree = cls()
        for file in files:
            directory, _, name = str(file.path).rpartition("/")
            is_new = directory not in tree.files
            tree.files[directory][name] = file
            while is_new and directory:
                directory, _, name = directory.rpartition("/")
                tree.directories[directory].add(name)
        return tree

    def all_files(self) -> list[DataFile]:
        return [file for files in self.files.values() for file in files.values()]

    def names(self, directory: str) -> set[str]:
        """Return the names that modules in *directory* may have."""
        files = {name.partition(".")[0] for name in self.files.get(directory, ())}
        return (files | self.packages(directory)) - {"", "__init__"}

    def packages(self, directory: str) -> set[str]:
        """Return the names that packages in *directory* may have."""
        return {name for name in self.directories.get(directory, ()) if f"_{name}".isidentifier()}


def _modules(
    prefix: str, directories: Sequence[str], tree: _Tree, suffixes: Sequence[str]
) -> list[SourceModule | ExtensionModule | NamespacePackage]:
    """Return the modules whose names begin with *prefix* and all below them.

    *directories* is ``sys.path``, or the ``__path__`` of the package.
    """
    found: list[SourceModule | ExtensionModule | NamespacePackage] = []
    for name in sorted({name for directory in directories for name in tree.names(directory)}):
        full_name = prefix + name
        for directory in directories:
            if module := _find(full_name, name, directory, tree, suffixes):
                found.append(module)
                if module.is_package:
                    found += _modules(f"{full_name}.", [f"{directory}/{name}"], tree, suffixes)
                break
        else:
            portions = [f"{place}/{name}" for place in directories if name in tree.packages(place)]
            below = _modules(f"{full_name}.", portions, tree, suffixes) if portions else []
            found += _namespace(full_name, portions, below) + below
    return found


def _find(
    full_name: str, name: str, directory: str, tree: _Tree, suffixes: Sequence[str]
) -> SourceModule | ExtensionModule | None:
    """Return the module or regular package that ``FileFinder`` would find in one directory."""
    places = [(directory, name, False)]
    if name in tree.packages(directory):
        places.insert(0, (f"{directory}/{name}", "__init__", True))
    for place, stem, is_package in places:
        files = tree.files.get(place, {})
        for suffix in suffixes:
            file = files.get(stem + suffix)
            if file and _is_extension(file, name):
                return ExtensionModule(full_name, is_package, file.path, file.content, file.origin)
        if file := files.get(stem + SOURCE_SUFFIX):
            return SourceModule(
                full_name, is_package, file.path, file.content, file.origin, executable=file.executable
            )
    return None


def _namespace(
    name: str, portions: Sequence[str], below: Sequence[SourceModule | ExtensionModule | NamespacePackage]
) -> list[SourceModule | ExtensionModule | NamespacePackage]:
    """Return the portions of a namespace package that hold modules."""
    found: list[SourceModule | ExtensionModule | NamespacePackage] = []
    for portion in map(PurePosixPath, portions):
        inside = [module for module in below if portion in module.path.parents]
        if inside:
            found.append(NamespacePackage(name, portion, inside[0].origin))
    return found


def _is_extension(file: DataFile, name: str) -> bool:
    """Whether a file with an extension module's suffix is one.

    With the bare suffix ``.so`` it can as well be a library that ctypes loads, in which Python's
    own finder would fail; the initialisation function (PEP 489) makes the difference.
    """
    if MODULE_TAG.search(file.path.name):
        return True
    function = f"PyInit_{name}" if name.isascii() else f"PyInitU_{name.encode('punycode').decode()}"
    symbol = f"\0{function.replace('-', '_')}\0".encode()
    if isinstance(file.content.source, bytes):
        return symbol in file.content.source
    with file.content.source.open("rb") as opened:
        if not file.content.size:
            return False
        with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return mapped.find(symbol) >= 0


def _library_or_data(file: DataFile) -> DataFile | SharedLibrary:
    """Return *file* as a shared library if it is one; programs are marked as executable."""
    name = file.path.name
    is_library = LIBRARY_NAME.fullmatch(name) is not None
    if MODULE_TAG.search(name) or not (is_library or (not file.path.suffix and not file.executable)):
        return file
    head = _head(file.content)
    if not head.startswith(ELF_MAGIC):
        return file
    if is_library:
        return _library(file) if head[ELF_TYPE] == ET_DYN else file
    return replace(file, executable=True)


def _library(file: DataFile) -> DataFile | SharedLibrary:
    try:
        soname = read_dynamic(file.content.source).soname
    except ImageError:  # of another machine, or damaged on purpose: test data of some package
        return file
    return SharedLibrary(file.path, file.content, file.origin, soname or file.path.name)


def _head(content: Content) -> bytes:
    """Return the first bytes of an object file's header."""
    if isinstance(content.source, bytes):
        return content.source[: ELF_TYPE.stop]
    with content.source.open("rb") as file:
        return file.read(ELF_TYPE.stop)
