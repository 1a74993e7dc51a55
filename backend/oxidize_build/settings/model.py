"""The model of ``[tool.oxidize]``: one dataclass per table, one field per key.

The reader, the JSON schema, the reference page and the suggestions are derived from it. A key is its
field's name with hyphens (and without a final underscore, which keeps a name from being a keyword), the
docstring below a field documents the key, the annotation says what it may hold, and the default is what holds
when the key is absent. A field of a type that TOML does not have says how its text is read.

Annotations are evaluated: this module has no ``from __future__ import annotations``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from oxidize_build.settings import texts
from oxidize_build.settings.constraints import Keys, OrOne
from oxidize_build.settings.interpreter_fields import InterpreterValue
from oxidize_build.settings.values import Callback, EntryPoint

DEFAULT_WHEEL_BACKEND = "setuptools.build_meta"

Strings: TypeAlias = Annotated[tuple[str, ...], OrOne()]
Kind: TypeAlias = Literal["source", "extension", "library", "data"]
Placement: TypeAlias = Literal["memory", "filesystem", "extract"]
Triple: TypeAlias = Literal["x86_64-unknown-linux-gnu", "x86_64-unknown-linux-musl"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimePath:
    """A Python runtime on this machine."""

    path: Annotated[Path, texts.ANY_PATH]
    """An interpreter, an installation's directory, or a runtime's archive or its unpacked directory;
    relative to pyproject.toml."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeArchive:
    """A Python runtime to be downloaded, once."""

    url: Annotated[str, texts.URL]
    """Where the archive is."""
    sha256: Annotated[str, texts.SHA256]
    """The archive's SHA-256, in hexadecimal."""


WantedRuntime: TypeAlias = Annotated[str, texts.RUNTIME] | RuntimePath | RuntimeArchive
"""``"host"``, a version, or where a runtime is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedFiles:
    """Files of the project, and their place in the executable's tree."""

    from_: Annotated[str, texts.PATTERN]
    """A file, a directory (with everything below it) or a pattern such as `"data/**/*.json"`, relative to
    pyproject.toml."""
    to: Annotated[str, texts.PLACE] = "."
    """Directory of the executable's tree, which is `sys.prefix`, that they go into: a file itself, what is in
    a directory, and what a pattern finds with its path below the part of the pattern that has no wildcard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is done with the files that match all of its match keys. Later rules win over earlier ones."""

    package: Strings = ()
    """Match: names of the packages (as on PyPI) that files come from; `*` stands for any text. The standard
    library is `python`."""
    module: Strings = ()
    """Match: dotted names of modules, each with everything below it; `*` stands for any text."""
    files: Strings = ()
    """Match: patterns of paths in the executable's tree, as in `.gitignore`."""
    kind: Annotated[tuple[Kind, ...], OrOne()] = ()
    """Match: what the file is: `source` (a Python module), `extension` (an extension module), `library` (a
    shared library) or `data`."""
    include: bool | None = None
    """Effect: pack it, or leave it out."""
    placement: Placement | None = None
    """Effect: where it is when the executable runs: in the executable (`memory`), in a directory that is
    delivered beside it (`filesystem`), or in a cache of the user, unpacked at the first start
    (`extract`)."""
    source: bool | None = None
    """Effect: pack the source of a module, which tracebacks and `inspect` show."""
    bytecode: bool | None = None
    """Effect: pack the bytecode of a module; without it the module is compiled at every import."""
    optimize: Literal[0, 1, 2] | None = None
    """Effect: optimisation level of the bytecode, as of `python -O`: 1 leaves out `assert`, 2 docstrings
    too."""
    compression: bool | None = None
    """Effect: compress it in the executable, or not, as the key `compression` does for all files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """Configuration of the interpreter: the fields of CPython's `PyPreConfig` and `PyConfig`.

    A key is a field's name in C with hyphens. The interpreter is isolated from the machine unless told
    otherwise.
    """

    values: Mapping[str, InterpreterValue] = field(default_factory=dict)
    """Value of each key that is given, but `allocators`."""
    allocators: Mapping[str, str] = field(default_factory=dict)
    """Domain -> its own allocator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """Keys that `[tool.oxidize]` and every `[tool.oxidize.executables.NAME]` have.

    Those of `[tool.oxidize]` are for all executables. A list of an executable adds to the common one, and a
    table key by key; any other value of an executable replaces the common one.
    """

    extras: tuple[Annotated[str, texts.EXTRA], ...] = ()
    """Extras of the project (`project.optional-dependencies`) whose dependencies are packed too."""
    groups: tuple[Annotated[str, texts.GROUP], ...] = ()
    """Dependency groups of the project (`[dependency-groups]`) that are packed too."""
    dependencies: tuple[Annotated[str, texts.REQUIREMENT], ...] = ()
    """Requirements that are packed beside those of the project."""
    requirements: tuple[Annotated[Path, texts.FILE], ...] = ()
    """Requirements files, as for `pip install -r`."""
    lock: Annotated[Path, texts.LOCK] | None = None
    """A `pylock.toml` with the version and the hash of everything that is packed; pip then resolves nothing.
    `oxidize lock` writes it."""
    wheels: tuple[Annotated[str, texts.PATTERN], ...] = ()
    """Wheels in the project's directory, directories of wheels, and patterns: all of these wheels are packed,
    instead of others that pip would find."""
    package_roots: tuple[Annotated[Path, texts.DIRECTORY], ...] = ()
    """Directories whose modules and packages are packed as they would be imported with the directory on
    `sys.path`."""
    files: tuple[PlacedFiles, ...] = ()
    """Files of the project that are packed as data."""
    stdlib: Literal["full", "used"] = "full"
    """How much of the standard library is packed: all of it, or what the packed modules import."""
    builtin_modules: Literal["full", "used"] = "full"
    """Which of the runtime's built-in modules are linked into the executable: all of them, or those that the
    packed modules import and that rules include. Libraries that only the others need, such as OpenSSL, are
    not linked either. `used` takes a C compiler."""
    profile: Annotated[Path, texts.PROFILE] | None = None
    """The file with what traced runs have used, which `oxidize trace` writes: packed files are put into the
    order of their first use. Without this key: `oxidize-profile.json`, if the project has one."""
    prune: Literal["no", "profile"] = "no"
    """With `profile`, modules, data files and shared libraries that are not in the profile are left out,
    unless a rule includes them."""
    callback: Annotated[Callback, texts.CALLBACK] | None = None
    """A function of the project, as `"file.py:function"`, that is called with every resource and returns it,
    changed or not, or `None` to leave it out."""
    compression: bool = False
    """Compress each packed file by itself with zstd; it is decompressed when it is used. Files that do not
    get smaller are left as they are. Files with `placement = "extract"` are compared with the executable at
    every start, and decompressed for that too."""
    compress_program: bool = False
    """Compress the program that holds the packed files too: the interpreter, and the modules and libraries
    that are linked into it. Every start decompresses it into memory."""
    lazy_imports: bool | tuple[Annotated[str, texts.MODULE_PATTERN], ...] = False
    """Import a module only when a name that the import statement binds is used: for all modules, or for those
    in a list, each with everything below it; `*` stands for any text."""
    immortal_constants: bool = True
    """Load the code of packed modules faster than marshal does. For that its constants are made immortal
    objects (PEP 683): they live as long as the process, even if a module is removed. With `false` marshal
    loads all code, as it does anyway on Pythons other than 3.13 and 3.14, on free-threaded ones, and in
    subinterpreters."""
    huge_pages: bool = True
    """Allocate the memory of small objects in huge pages of 2 MiB, if Linux gives them to programs that ask
    for them, as it does by default (`/sys/kernel/mm/transparent_hugepage/enabled`), but for the first 2 MiB.
    Imports take less time, and the process may occupy up to 2 MiB more."""
    self_test: bool = False
    """Let the executable test itself on demand, as `oxidize verify --run` does."""
    write_modules_directory_env: Annotated[str, texts.VARIABLE] | None = None
    """Name of an environment variable. If it is set when the executable runs, the names of all modules that
    are loaded at the end are written to a file `modules-...` in the directory that it holds."""
    snapshot: bool = False
    """Start each process from a snapshot: the state, saved by the build, of a process that has already done
    its imports."""
    preload: tuple[Annotated[str, texts.MODULE], ...] = ()
    """With `snapshot`: the modules that are imported at build time, with all that they import. Without this
    key: what the program's main module imports, as far as that can be done at build time."""
    prepare: Annotated[str, texts.FUNCTION] | None = None
    """With `snapshot`: a function, as `"package.module:function"`, that is called after the imports, to fill
    caches for example."""
    allow: tuple[Annotated[str, texts.MODULE], ...] = ()
    """With `snapshot`: modules that may look at the environment, the clock, the machine or the user when
    they are imported, although every process then has what they found at build time."""
    frozen: bool = False
    """Behave like the results of other packagers: `sys.frozen` and `sys._MEIPASS` are set, and
    `sys.executable` is the executable itself."""
    exit: Literal["full", "fast"] = "full"
    """How the process ends after the program: as `python` does (`full`), or without freeing all objects and
    modules (`fast`). Both wait for threads, call `atexit` functions and flush files; with `fast`, `__del__`
    is not called for objects that are left."""
    interpreter: Interpreter = field(default_factory=Interpreter)
    """Configuration of the interpreter: fields of `PyPreConfig` and `PyConfig`."""
    rules: tuple[Rule, ...] = ()
    """What is left out, and what is packed differently than by default. Rules of an executable come after the
    common ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutableTable(Common):
    """What an executable runs, and its own settings.

    At most one of `entry-point`, `module`, `command`, `script` and `repl`. Without them the table is about
    the script of the same name in `[project.scripts]` or `[project.gui-scripts]`.
    """

    entry_point: Annotated[tuple[EntryPoint, tuple[str, ...]], texts.ENTRY_POINT] | None = None
    """Call an object, as an installed script does: `"package.module:function"`, which `[extra, ...]` may
    follow."""
    module: Annotated[str, texts.MODULE] | None = None
    """Run a module or package as `python -m` does."""
    command: str | None = None
    """Run Python code as `python -c` does."""
    script: Annotated[Path, texts.FILE] | None = None
    """Run a file of the project as `python FILE` does."""
    repl: Literal[True] | None = None
    """Be interactive, as `python` is without arguments."""
    targets: tuple[str, ...] = ()
    """Names of the targets that it is built for. Without any: all of `[tool.oxidize.targets]`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetTable:
    """What executables are built for."""

    runtime: WantedRuntime | None = None
    """The Python runtime, as in `[tool.oxidize]`, whose value is the default."""
    triple: Triple | None = None
    """The platform that it must be for. Without it: that of the runtime."""
    glibc: Annotated[str, texts.GLIBC] | None = None
    """Highest version of glibc that the executable may need, such as `"2.17"`: the build fails if it is
    exceeded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Licenses:
    """Licences that packed components may have; the build fails for any other.

    An expression of several licences is read as SPDX defines it: `A OR B` is allowed if one of the two is,
    `A AND B` if both are.
    """

    allow: tuple[str, ...] = ()
    """SPDX identifiers, or patterns of them (`"BSD-*"`), of which a component must have one. Without any:
    all."""
    deny: tuple[str, ...] = ()
    """SPDX identifiers, or patterns of them (`"GPL-*"`), that no component may have."""
    exceptions: tuple[str, ...] = ()
    """Names of packages that are not checked."""
    overrides: Annotated[Mapping[str, str], Keys("PACKAGE")] = field(default_factory=dict)
    """SPDX expressions of packages whose metadata do not state their licence, or not the right one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OxidizeTable(Common):
    """Settings that all executables have in common, and settings of the project."""

    wheel_backend: Annotated[str, texts.WHEEL_BACKEND] = DEFAULT_WHEEL_BACKEND
    """The PEP 517 backend that makes the project's wheels and sdists: `"package.module"` or
    `"package.module:object"`."""
    runtime: WantedRuntime = "host"
    """The Python that executables are made of: `"host"` (the interpreter that runs the build), a version
    such as `"3.14"` (`"3.14t"` for a free-threaded one) of the runtimes that are installed, or where a
    runtime is."""
    executables: Annotated[Mapping[str, ExecutableTable], texts.EXECUTABLE_NAMES] = field(
        default_factory=dict
    )
    """Executables besides the project's scripts, and settings of single scripts. NAME is the name of the
    file."""
    targets: Annotated[Mapping[str, TargetTable], texts.TARGET_NAMES] = field(default_factory=dict)
    """Targets that one build makes the executables for. Without any: the platform of the runtime."""
    licenses: Licenses = field(default_factory=Licenses)
    """Licences that packed components may have."""


TABLES: Mapping[str, type] = {
    "[tool.oxidize]": OxidizeTable,
    "[tool.oxidize.executables.NAME]": ExecutableTable,
    "[tool.oxidize.targets.NAME]": TargetTable,
    "[[tool.oxidize.rules]]": Rule,
    "[[tool.oxidize.files]]": PlacedFiles,
    "[tool.oxidize.licenses]": Licenses,
    "runtime = { path = ... }": RuntimePath,
    "runtime = { url = ..., sha256 = ... }": RuntimeArchive,
}
"""How the tables are written, in the order of the reference, and their classes."""
