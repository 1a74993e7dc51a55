"""``[tool.oxidize.interpreter]``: every field of CPython's PyPreConfig and PyConfig, defined once.

A key is the field's C name with hyphens. The stub's table of the fields (``stub/config_fields.h``) is
generated from this one.

https://docs.python.org/3/c-api/init_config.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import TypeAlias, TypeGuard

Version: TypeAlias = tuple[int, int]
InterpreterValue: TypeAlias = bool | int | str | tuple[str, ...]
"""Value of one key."""

ORIGIN = "$ORIGIN"
"""Begins a path: the directory that holds the executable when it runs."""


class Kind(IntEnum):
    """What a field holds."""

    FLAG = 1
    """``int``: true or false."""
    NUMBER = 2
    """``int``."""
    LONG = 3
    """``unsigned long``."""
    TEXT = 4
    """``wchar_t *``."""
    PATH = 5
    """``wchar_t *`` too: a path, absolute or below ``$ORIGIN``."""
    TEXTS = 6
    """``PyWideStringList``."""
    PATHS = 7
    """``PyWideStringList`` of such paths."""


class Only(Enum):
    """What builds of CPython alone have a field; the value is the condition in C."""

    FREE_THREADED = "defined(Py_GIL_DISABLED)"
    DEBUG = "defined(Py_DEBUG)"
    WINDOWS = "defined(MS_WINDOWS)"
    MACOS = "defined(__APPLE__)"


@dataclass(frozen=True, slots=True)
class InterpreterField:
    """One field that can be set."""

    name: str
    """In C."""
    kind: Kind
    doc: str
    """One line, for the reference."""
    since: Version = (3, 11)
    """The first version that has it."""
    only: Only | None = None
    spelling: str | None = None
    """Its key, where that is not the name with hyphens."""
    pre: bool = False
    """Whether PyPreConfig has it."""
    config: bool = True
    """Whether PyConfig has it."""
    least: int = 0
    """Lower limit of a number."""
    most: int = 2**31 - 1
    """Upper limit of a number."""
    allowed: tuple[str, ...] = ()
    """Allowed texts; empty: any."""
    child: bool = True
    """Whether ``sys.executable`` has it too. What python's own options say, it takes from its arguments."""

    @property
    def key(self) -> str:
        """The key in pyproject.toml."""
        return self.spelling or self.name.replace("_", "-")

    @property
    def expected(self) -> str:
        """What its value has to be, for error messages and the reference."""
        if self.allowed:
            return f"one of {', '.join(map(repr, self.allowed))}"
        path = f"absolute, or beginning with '{ORIGIN}/'"
        return {
            Kind.FLAG: "true or false",
            Kind.NUMBER: f"an integer from {self.least} to {self.most}",
            Kind.LONG: f"an integer from {self.least} to {self.most}",
            Kind.TEXT: "a non-empty string",
            Kind.PATH: f"a path, {path}",
            Kind.TEXTS: "a list of non-empty strings",
            Kind.PATHS: f"a list of paths, each {path}",
        }[self.kind]

    def read(self, value: object) -> InterpreterValue:
        """Return *value*, as TOML has it, in its lasting form.

        :raises ValueError: when it is not what is expected; the message is :attr:`expected`.
        """
        if self.kind is Kind.FLAG and isinstance(value, bool):
            return value
        if self.kind in {Kind.NUMBER, Kind.LONG} and _is_integer(value) and self.least <= value <= self.most:
            return value
        if self.kind in {Kind.TEXT, Kind.PATH} and self._is_text(value):
            return value
        if self.kind in {Kind.TEXTS, Kind.PATHS} and isinstance(value, (list, tuple)):
            texts = tuple(item for item in value if self._is_text(item))
            if len(texts) == len(value):
                return texts
        raise ValueError(self.expected)

    def _is_text(self, value: object) -> TypeGuard[str]:
        if not isinstance(value, str) or not value or "\0" in value:
            return False
        if self.kind in {Kind.PATH, Kind.PATHS}:
            return f"{value}/".startswith(("/", f"{ORIGIN}/"))
        return not self.allowed or value in self.allowed


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _flag(name: str, doc: str, since: Version = (3, 11), *, child: bool = True) -> InterpreterField:
    return InterpreterField(name, Kind.FLAG, doc, since, child=child)


_ENCODING_ERRORS = (
    "strict",
    "ignore",
    "replace",
    "backslashreplace",
    "xmlcharrefreplace",
    "namereplace",
    "surrogateescape",
    "surrogatepass",
)

FIELDS: tuple[InterpreterField, ...] = (
    # PyPreConfig alone
    InterpreterField(
        "configure_locale", Kind.FLAG, "Set LC_CTYPE to the user's locale.", pre=True, config=False
    ),
    InterpreterField(
        "coerce_c_locale",
        Kind.NUMBER,
        "Replace the locale C by one of UTF-8 (PEP 538): 0 never, 2 always, 1 where LC_CTYPE is C.",
        pre=True,
        config=False,
        most=2,
    ),
    InterpreterField(
        "coerce_c_locale_warn", Kind.FLAG, "Warn when the locale C is replaced.", pre=True, config=False
    ),
    InterpreterField("utf8_mode", Kind.FLAG, "UTF-8 mode (PEP 540).", pre=True, config=False),
    # Both
    InterpreterField(
        "parse_argv",
        Kind.FLAG,
        "Take python's own options from the command line; one that says what to run "
        "(-c, -m or a file) takes the place of the executable's own program.",
        pre=True,
        child=False,
    ),
    InterpreterField("isolated", Kind.FLAG, "Isolated mode, as of python -I.", pre=True, child=False),
    InterpreterField("use_environment", Kind.FLAG, "Read the environment variables PYTHON*.", pre=True),
    InterpreterField("dev_mode", Kind.FLAG, "Development mode, as of -X dev.", pre=True, child=False),
    # PyConfig
    _flag("install_signal_handlers", "Handle SIGINT, and ignore SIGPIPE and SIGXFSZ."),
    _flag("use_hash_seed", "Take hash-seed as it is, not a random one."),
    InterpreterField(
        "hash_seed",
        Kind.LONG,
        "Seed of the hashes of texts; 0 switches randomization off. It implies use-hash-seed.",
        most=2**32 - 1,
    ),
    _flag("faulthandler", "Enable faulthandler at start.", child=False),
    InterpreterField("tracemalloc", Kind.NUMBER, "Frames that tracemalloc keeps; 0: off.", child=False),
    InterpreterField(
        "perf_profiling",
        Kind.NUMBER,
        "Support for Linux perf: 0 off, 1 by maps, 2 by DWARF (3.13).",
        (3, 12),
        most=2,
        child=False,
    ),
    _flag("remote_debug", "Allow external debuggers to attach (PEP 768).", (3, 14)),
    InterpreterField(
        "import_time",
        Kind.NUMBER,
        "Print the time of each import: 1, or 2 (3.14) to show modules that are loaded already as well.",
        most=2,
        child=False,
    ),
    _flag("code_debug_ranges", "Keep columns in code that is compiled at run time."),
    _flag("show_ref_count", "Show the total reference count at exit, in debug builds.", child=False),
    _flag("dump_refs", "Dump objects that are alive at exit, in builds with Py_TRACE_REFS.", child=False),
    InterpreterField("dump_refs_file", Kind.PATH, "The file to dump them to.", child=False),
    _flag("malloc_stats", "Print statistics of pymalloc at exit.", child=False),
    _flag("pymalloc_hugepages", "Let pymalloc use huge pages.", (3, 15)),
    InterpreterField("filesystem_encoding", Kind.TEXT, "Encoding of file names."),
    InterpreterField(
        "filesystem_errors",
        Kind.TEXT,
        "Error handler of that encoding.",
        allowed=("strict", "surrogateescape", "surrogatepass"),
    ),
    InterpreterField("pycache_prefix", Kind.PATH, "Where bytecode of modules outside the executable is."),
    InterpreterField("xoptions", Kind.TEXTS, "Options as of -X.", spelling="x-options", child=False),
    InterpreterField(
        "warnoptions", Kind.TEXTS, "Warning filters as of -W.", spelling="warn-options", child=False
    ),
    _flag("site_import", "Import site at start, which runs the .pth files of packed packages."),
    InterpreterField(
        "bytes_warning", Kind.NUMBER, "Comparing bytes with text: 1 warns, 2 raises.", most=2, child=False
    ),
    _flag("inspect", "Be interactive when the program has ended, as of -i.", child=False),
    _flag("interactive", "Take standard input for a terminal, as of -i.", child=False),
    InterpreterField(
        "optimization_level",
        Kind.NUMBER,
        "As of -O: 1 drops assertions, 2 drops docstrings too.",
        most=2,
        child=False,
    ),
    _flag("parser_debug", "Debug the parser, in debug builds.", child=False),
    _flag("write_bytecode", "Write bytecode of modules outside the executable."),
    InterpreterField("verbose", Kind.NUMBER, "Tell of every import, as of -v.", most=9, child=False),
    _flag("quiet", "No version and copyright in interactive mode, as of -q.", child=False),
    _flag("user_site_directory", "Let site add the user's site directory."),
    _flag("configure_c_stdio", "Set the buffering of C's stdin, stdout and stderr."),
    _flag("buffered_stdio", "Buffer stdout and stderr.", child=False),
    InterpreterField("stdio_encoding", Kind.TEXT, "Encoding of stdin, stdout and stderr."),
    InterpreterField(
        "stdio_errors", Kind.TEXT, "Error handler of stdin and stdout.", allowed=_ENCODING_ERRORS
    ),
    InterpreterField(
        "check_hash_pycs_mode",
        Kind.TEXT,
        "Validation of bytecode outside the executable (PEP 552).",
        allowed=("always", "never", "default"),
        child=False,
    ),
    _flag("use_frozen_modules", "Take standard modules that the interpreter has frozen.", child=False),
    _flag("safe_path", "Do not put the script's directory first on sys.path, as of -P.", child=False),
    InterpreterField(
        "int_max_str_digits",
        Kind.NUMBER,
        "Limit of conversions between integers and decimal texts: 0 (none), or 640 and more.",
        (3, 12),
    ),
    InterpreterField("cpu_count", Kind.NUMBER, "What os.cpu_count() says.", (3, 13), least=1),
    _flag("thread_inherit_context", "Threads begin with a copy of their starter's context.", (3, 14)),
    _flag("context_aware_warnings", "warnings.catch_warnings() is of the context.", (3, 14)),
    InterpreterField(
        "lazy_imports", Kind.FLAG, "Make all imports lazy that can be (PEP 810).", (3, 15), child=False
    ),
    InterpreterField(
        "enable_gil", Kind.FLAG, "Use the global interpreter lock.", (3, 13), Only.FREE_THREADED
    ),
    InterpreterField(
        "tlbc_enabled", Kind.FLAG, "Specialise bytecode for each thread.", (3, 14), Only.FREE_THREADED
    ),
    InterpreterField(
        "run_presite", Kind.TEXT, "A module to import before site.", (3, 13), Only.DEBUG, child=False
    ),
    InterpreterField(
        "legacy_windows_fs_encoding",
        Kind.FLAG,
        "File names in the ANSI code page.",
        only=Only.WINDOWS,
        pre=True,
        config=False,
    ),
    InterpreterField(
        "legacy_windows_stdio", Kind.FLAG, "Standard streams by the C library.", only=Only.WINDOWS
    ),
    InterpreterField(
        "use_system_logger", Kind.FLAG, "Standard streams go to the system's log.", (3, 14), Only.MACOS
    ),
    _flag("pathconfig_warnings", "Warn where paths cannot be worked out.", child=False),
    InterpreterField(
        "module_search_paths", Kind.PATHS, "Directories that follow the packed ones on sys.path."
    ),
)
"""In the order of the reference."""

FIELDS_BY_KEY: Mapping[str, InterpreterField] = {field.key: field for field in FIELDS}

_TREE = "oxidize sets it to the interpreter's place in the executable"
_RUN = "what runs is said by entry-point, module, command, script or repl of the executable"
_ARGUMENTS = "it is the command line that the executable is started with"

OWNED: Mapping[str, str] = {
    **dict.fromkeys(("base-executable", "executable", "program-name"), _TREE),
    **dict.fromkeys(("base-exec-prefix", "base-prefix", "exec-prefix", "prefix"), _TREE),
    **dict.fromkeys(("home", "platlibdir", "stdlib-dir"), _TREE),
    **dict.fromkeys(("run-command", "run-filename", "run-module", "sys-path-0"), _RUN),
    **dict.fromkeys(("argv", "orig-argv"), _ARGUMENTS),
    "module-search-paths-set": "it follows from module-search-paths",
    "pythonpath-env": "it is the variable PYTHONPATH; say module-search-paths",
    "warn-default-encoding": "Python overwrites it; with use-environment PYTHONWARNDEFAULTENCODING sets it",
    "skip-source-first-line": "the program is compiled when the executable is built",
}
"""Key of a field that cannot be set -> why."""

ALLOCATOR = "allocator"
"""Key of the allocator of all domains: PyPreConfig's field of the name."""
ALLOCATORS = "allocators"
"""Key of a table: domain -> its own allocator."""
ALLOCATOR_NAMES: Mapping[str, int] = {
    "default": 1,
    "debug": 2,
    "system": 3,
    "system-debug": 4,
    "pymalloc": 5,
    "pymalloc-debug": 6,
    "mimalloc": 7,
    "mimalloc-debug": 8,
}
"""Name -> CPython's ``PyMemAllocatorName``. ``debug`` adds checks (``PyMem_SetupDebugHooks``)."""
DOMAINS: Mapping[str, int] = {"raw": 0, "mem": 1, "object": 2}
"""Name -> CPython's ``PyMemAllocatorDomain``."""
DOMAIN_ALLOCATORS = ("system", "pymalloc", "mimalloc")
"""What a single domain can have."""
