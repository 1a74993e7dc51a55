"""The image format, defined once.

An image is a read-only file tree plus an import index, laid out to be used where the kernel maps
it: no parsing, no allocation and no pass over all entries at start-up. All integers are
little-endian. The parts, in this order::

    header, section table     fixed size, checked as a whole at start-up
    strings                   UTF-8 text without terminators, referred to by offset and size
    nodes                     the directory tree; the children of a directory stand together,
                              sorted by name, so that a listing is a slice
    buckets                   open-addressing hash table: module name -> module
    modules                   what can be imported
    libraries, dependencies   shared objects, and which of them each one needs first
    options                   the interpreter's configuration, checked as a whole at start-up
    dictionaries              what contents were compressed with
    data                      the contents of files, and the dictionaries' own
    snapshot                  the state of a process that has started already, or nothing
    end marker                shows that the file was not cut short

Whatever the executable reads is treated as hostile until checked. Each record carries a checksum
of itself, of its own position, and of the text that it names; each file's content carries one in
its node. A reader verifies a record when it reads it: any damage is found when it is met, and
start-up costs the same however much is packed. Checksums are XXH64 [1]_: they guard against
accidents, not against an attacker, who could recompute them (sign the executable for that).

A content may be compressed, as one zstd frame [2]_: each file alone, so that using it costs nothing of the
others. Its checksum is that of what is stored, and its size is known beforehand. A frame that names a
dictionary was compressed with that; the first one has the number 1.

.. [1] https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
.. [2] :rfc:`8878`
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from struct import Struct

import xxhash

MAGIC = b"OXIDIZE\0"
END_MARKER = b"OXIDEND\0"
FORMAT_VERSION = 2
"""Raised by every change of the layout: a stub reads exactly one version."""
NONE = 0xFFFFFFFF
"""An index that refers to nothing."""
PYC_HEADER_SIZE = 16
"""Bytes before the marshalled code object in a ``.pyc`` file (PEP 552)."""
PAGE = 4096
"""Alignment of shared libraries' contents."""
BYTECODE_ALIGNMENT = 16
EXTRACTED_DIRECTORY = "extract"
"""Where in the tree the files are that are unpacked into the user's cache."""
INTERPRETER_PATH = "bin/python3"
"""Where ``sys.executable`` is in the tree. The stub knows what to do when it is to be started."""
INTERPRETER_MARK = "/.//.//./"
"""Between directory and name of an executable's path, it asks for the interpreter instead of the program."""
SELF_TEST_SWITCH = "OXIDIZE_SELF_TEST"
"""Environment variable that makes an executable with the option SELF_TEST test itself."""

TRACE_SUFFIX = ".trace"
"""Behind an executable's path, the directory in which one with the option TRACE tells of itself."""
SNAPSHOT_MAGIC = b"OXISNAP\0"
"""What a snapshot begins with."""
SNAPSHOT_SWITCH = "OXIDIZE_SNAPSHOT"
"""Environment variable: ``off`` starts without the snapshot, ``explain`` says why it is not used,
``verify`` does so too and checks all of it before."""
SNAPSHOT_TABLES = "(tables)"
"""What counts as a type in the account of a snapshot: memory that objects have besides themselves."""
SNAPSHOT_DIRECTORY = "/oxidize-snapshot-directory-".ljust(160, "0")
SNAPSHOT_NAME = "oxidize-snapshot-name-".ljust(48, "0")
"""Directory and name of the executable in a snapshot: where it really is takes their place, if it fits."""

_CODES = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q"}


@dataclass(frozen=True, slots=True)
class Field:
    """One member of a record: an integer, or a run of bytes when ``count`` is given."""

    name: str
    type: str
    doc: str
    count: int | None = None

    @property
    def code(self) -> str:
        """Its :mod:`struct` format."""
        return f"{self.count}s" if self.count is not None else _CODES[self.type]


@dataclass(frozen=True, slots=True)
class Record:
    """A fixed-size structure. Members are naturally aligned, so packed and C layouts agree."""

    name: str
    doc: str
    fields: tuple[Field, ...]
    struct: Struct = field(init=False, repr=False, compare=False)
    """The layout; made once, as thousands of records are read."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "struct", Struct("<" + "".join(member.code for member in self.fields)))

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.struct.size

    def offset(self, name: str) -> int:
        """Return where the member *name* begins, in bytes."""
        codes: list[str] = []
        for member in self.fields:
            if member.name == name:
                return struct.calcsize("<" + "".join(codes))
            codes.append(member.code)
        raise KeyError(name)


class Section(IntEnum):
    """Index of a section in the section table."""

    STRINGS = 0
    NODES = 1
    BUCKETS = 2
    MODULES = 3
    LIBRARIES = 4
    DEPENDENCIES = 5
    OPTIONS = 6
    DICTIONARIES = 7
    DATA = 8
    SNAPSHOT = 9


class NodeKind(IntEnum):
    """What an entry of the tree is."""

    DIRECTORY = 1
    FILE = 2


class NodeFlag(IntEnum):
    """Bits of a node's ``flags``."""

    EXECUTABLE = 1
    COMPRESSED = 2
    """Not together with EXECUTABLE if the content begins with ``#!``: it is looked at when it is started."""


class ModuleKind(IntEnum):
    """How a module is loaded."""

    SOURCE = 1
    EXTENSION = 2
    NAMESPACE = 3
    PRUNED = 4
    """It is not packed: a profile says that it is not needed. Its ``node`` is NONE."""


class ModuleFlag(IntEnum):
    """Bits of a module's ``flags``."""

    PACKAGE = 1


class MainKind(IntEnum):
    """What the module ``__main__`` is made of."""

    FILE = 0
    ANONYMOUS = 1
    """A command, as of ``python -c``: it has no ``__file__``."""


class PathKind(IntEnum):
    """What holds a path in a snapshot."""

    STR = 1
    """A compact ``str`` of ASCII."""
    BYTES = 2
    TEXT = 3
    """Bytes that end with a zero."""
    WIDE = 4
    """Wide characters that end with a zero."""


class Option(IntEnum):
    """What an option record sets. A key may occur several times: its values form a list."""

    RUN_MAIN = 1
    """Run the packed module ``__main__`` (number: a MainKind)."""
    RUN_MODULE = 2
    """Run the named module as ``python -m`` does."""
    STDLIB_DIRECTORY = 3
    """Path of the standard library in the tree."""
    SEARCH_PATH = 4
    """A path in the tree that is put on ``sys.path``."""
    FROZEN = 5
    """Set ``sys.frozen`` and ``sys._MEIPASS``; ``sys.executable`` is the executable's own path."""
    PROGRAM_DIGEST = 7
    """SHA-256 of the program in front of the image, in hexadecimal; for ``oxidize verify``."""
    FALLBACK = 6
    """Lines: a path of the host, then what takes its place where it does not exist (stub/fallbacks.c)."""
    RUN_PYTHON = 8
    """Be python itself: its command line, its REPL."""
    FIELD = 9
    """Set a field of PyPreConfig or PyConfig: ``name`` to the number, or ``name=text``; a list's items are
    options of their own."""
    ALLOCATOR = 10
    """The allocator (number: a PyMemAllocatorName) of the domain in the text, or if that is empty of all."""
    INSTALL_TREE = 11
    """A file beside the executable which shows that its install tree is there: ``NAME.d/tree-KEY``."""
    SEARCH_BESIDE = 12
    """A path beside the executable that is put on ``sys.path``."""
    EXTRACTION = 13
    """Unpack EXTRACTED_DIRECTORY, once, as the named directory of the user's cache: ``NAME/KEY``."""
    SEARCH_EXTRACTED = 14
    """A path in what has been unpacked that is put on ``sys.path``."""
    BYTECODE_LEVEL = 15
    """``sys.flags.optimize`` of an interpreter for which the packed bytecode is (number)."""
    TRACE = 20
    """Tell of what is imported and opened, in the directory that is named like the executable with
    TRACE_SUFFIX, if there is one."""
    PRUNED_BY = 21
    """Name of the profile that modules of the kind PRUNED are left out by."""
    MODULES_DIRECTORY = 22
    """Name of an environment variable: the names of all modules that are loaded at the end are written to
    a file in the directory that it holds."""
    SMALL_PAGES = 24
    """Take no huge pages for the memory of small objects."""
    LAZY_IMPORTS = 25
    """Packed bytecode calls the functions of stub/lazy.c."""
    MARSHAL = 23
    """Let marshal make all code objects, none of the stub's own with immortal constants."""
    UNPACK_AHEAD = 26
    """So many modules (number), the first ones of the index, have been imported by traced runs: another
    processor may unpack those that are compressed before they are imported."""
    SNAPSHOT_MAKE = 40
    """Make a snapshot instead of running the program (number: 1), or have been made so (0)."""
    SELF_TEST = 30
    """Name of the module that is run instead of the program if SELF_TEST_SWITCH is in the environment."""
    FAST_EXIT = 50
    """Once the program has ended, end the process without taking the interpreter to pieces."""


HEADER = Record(
    "header",
    "Begins the image.",
    (
        Field("magic", "u8", "MAGIC", 8),
        Field("size", "u64", "of the whole image, end marker included"),
        Field("format_version", "u32", "FORMAT_VERSION"),
        Field("python_version", "u32", "PY_VERSION_HEX of the interpreter that the bytecode is for"),
        Field("section_count", "u32", "length of the section table"),
        Field("reserved", "u32", "zero"),
        Field("digest", "u8", "SHA-256 of everything from the end of the section table on", 32),
        Field("check", "u64", "XXH64 of the section table, seed: XXH64 of the header up to here"),
    ),
)

SECTION = Record(
    "section",
    "An entry of the section table, which follows the header.",
    (
        Field("offset", "u64", "from the beginning of the image"),
        Field("size", "u64", "in bytes"),
        Field("check", "u64", "XXH64 of the content; looked at by start-up for OPTIONS only"),
    ),
)

NODE = Record(
    "node",
    "An entry of the directory tree. Node 0 is the root and its own parent.",
    (
        Field("name_offset", "u32", "in STRINGS"),
        Field("name_size", "u16", "in bytes"),
        Field("kind", "u8", "a NodeKind"),
        Field("flags", "u8", "of NodeFlag"),
        Field("parent", "u32", "index of the directory that holds it"),
        Field("first_child", "u32", "directory: index of the first of its children"),
        Field("child_count", "u32", "directory: how many there are"),
        Field("library", "u32", "file: index in LIBRARIES, or NONE"),
        Field("data_offset", "u64", "file: in DATA"),
        Field("data_size", "u64", "file: in bytes"),
        Field("data_check", "u64", "file: XXH64 of what is stored in DATA"),
        Field("stored_size", "u32", "COMPRESSED file: what it takes of DATA, in bytes; else zero"),
        Field("check", "u32", "as check32() says, with the name"),
    ),
)

BUCKET = Record(
    "bucket",
    "A slot of the hash table; a name begins to be searched at XXH64(name) modulo the slots.",
    (
        Field("module", "u32", "index in MODULES, or NONE"),
        Field("check", "u32", "as check32() says, with no text"),
    ),
)

MODULE = Record(
    "module",
    "Something that can be imported.",
    (
        Field("name_offset", "u32", "in STRINGS: the full dotted name"),
        Field("name_size", "u16", "in bytes"),
        Field("kind", "u8", "a ModuleKind"),
        Field("flags", "u8", "of ModuleFlag"),
        Field("node", "u32", "the source file, the shared object, or the namespace's directory"),
        Field("bytecode", "u32", "node of the .pyc file, or NONE"),
        Field("reserved", "u32", "zero"),
        Field("check", "u32", "as check32() says, with the name"),
    ),
)

LIBRARY = Record(
    "library",
    "A shared object that can be loaded from memory.",
    (
        Field("node", "u32", "its file"),
        Field("first_dependency", "u32", "in DEPENDENCIES"),
        Field("dependency_count", "u32", "libraries to load before it, in order"),
        Field("check", "u32", "as check32() says, with no text"),
    ),
)

DEPENDENCY = Record(
    "dependency",
    "A library that another one needs.",
    (
        Field("library", "u32", "index in LIBRARIES"),
        Field("check", "u32", "as check32() says, with no text"),
    ),
)

OPTION = Record(
    "option",
    "One setting: a number or a text.",
    (
        Field("key", "u32", "an Option"),
        Field("text_size", "u32", "in bytes"),
        Field("text_offset", "u64", "in STRINGS"),
        Field("number", "u64", "or zero"),
        Field("text_check", "u64", "XXH64 of the text"),
    ),
)

DICTIONARY = Record(
    "dictionary",
    "What contents were compressed with: a dictionary of zstd, which has its own number, from 1.",
    (
        Field("data_offset", "u64", "in DATA"),
        Field("data_check", "u64", "XXH64 of the content"),
        Field("data_size", "u32", "in bytes"),
        Field("check", "u32", "as check32() says, with no text"),
    ),
)

SNAPSHOT = Record(
    "snapshot",
    "Begins a snapshot. Its tables follow, then pages. Addresses are of the process; offsets from here.",
    (
        Field("magic", "u8", "SNAPSHOT_MAGIC", 8),
        Field("size", "u64", "of the whole snapshot"),
        Field("tables_end", "u64", "offset of the end of the tables, which `check` covers"),
        Field("python_version", "u32", "PY_VERSION_HEX"),
        Field("range_count", "u32", "of snapshot_range: what is mapped"),
        Field("build_id", "u8", "of the program that it belongs to, with zeros behind", 32),
        Field("cpu", "u8", "features of the processor that it needs", 32),
        Field("arena_size", "u64", "bytes that are given out of the arena"),
        Field("thread_state", "u64", "address of the thread's PyThreadState"),
        Field("renewed", "u64", "address of the object that tells what is made anew in each process"),
        Field("names", "u64", "address of a tuple: what stub/names.c has names of"),
        Field("survey", "u64", "address of a tuple: what stub/finalisers.c looks at again, or 0"),
        Field("written", "u64", "address of pages that every start writes to"),
        Field("written_size", "u64", "in bytes"),
        Field("main_code", "u64", "address of the main module's code object, or 0"),
        Field("reserved", "u32", "zero"),
        Field("thread_area_size", "u32", "of the executable's thread-local variables, at thread_area"),
        Field("thread_area", "u64", "offset"),
        Field("ranges", "u64", "offset of the table"),
        Field("kept", "u64", "offset of a table of addresses: words that stay this process's own"),
        Field("threads", "u64", "offset of a table of addresses: words less this thread's identity"),
        Field("paths", "u64", "offset of the table of snapshot_path"),
        Field("registrations", "u64", "offset of the table of what libc is to remember"),
        Field("kept_count", "u32", "length of the table"),
        Field("thread_count", "u32", "length of the table"),
        Field("variables", "u64", "offset of names of environment variables, each ends with a zero"),
        Field("variables_size", "u64", "in bytes; where one of them is set the snapshot does not serve"),
        Field("modules", "u64", "offset of names of the modules that are imported, each ends with a zero"),
        Field("modules_size", "u64", "in bytes"),
        Field("account", "u64", "offset of a text, see PackedSnapshot: by module and type what it holds"),
        Field("account_size", "u64", "in bytes"),
        Field("path_count", "u32", "length of the table"),
        Field("registration_count", "u32", "length of the table"),
        Field("check", "u64", "XXH64 of the tables, seed: XXH64 of the header up to here"),
    ),
)

SNAPSHOT_RANGE = Record(
    "snapshot_range",
    "Pages of a snapshot.",
    (
        Field("address", "u64", "where they are mapped"),
        Field("size", "u64", "in bytes, whole pages"),
        Field("offset", "u64", "where they are, a whole number of pages"),
    ),
)

SNAPSHOT_PATH = Record(
    "snapshot_path",
    "A text with the path of the executable in it.",
    (
        Field("address", "u64", "of the object, or of the first character"),
        Field("kind", "u32", "a PathKind"),
        Field("reserved", "u32", "zero"),
    ),
)

RECORDS = (
    HEADER,
    SECTION,
    NODE,
    BUCKET,
    MODULE,
    LIBRARY,
    DEPENDENCY,
    OPTION,
    DICTIONARY,
    SNAPSHOT,
    SNAPSHOT_RANGE,
    SNAPSHOT_PATH,
)
ENUMS: tuple[type[IntEnum], ...] = (
    Section,
    NodeKind,
    NodeFlag,
    ModuleKind,
    ModuleFlag,
    MainKind,
    Option,
    PathKind,
)


def check64(data: bytes | memoryview, seed: int = 0) -> int:
    """Return XXH64 of *data*."""
    return xxhash.xxh64_intdigest(data, seed)


def check32(record: bytes | memoryview, text: bytes, index: int) -> int:
    """Return the checksum of a record: it covers the text that it names and its position."""
    return check64(record, check64(text, index)) & 0xFFFFFFFF
