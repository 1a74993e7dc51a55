"""Which part of the standard library packed modules use: static imports, followed.

It errs on keeping. In a module that imports by name at run time, every string that is a module's name
counts; in an extension module every name that occurs in it. The modules that the interpreter itself
needs are always there, and what the standard library's C code imports is in a table, since it cannot
be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from oxidize_build.collect import PYTHON
from oxidize_build.policy.imports import Imports, find_imports
from oxidize_build.resources import Content, ExtensionModule, NamespacePackage, Resource, SourceModule
from oxidize_build.runtime.model import Runtime

REASON = "standard library that nothing packed imports"

ALWAYS = ("encodings", "importlib", "linecache", "re", "runpy", "site", "traceback", "warnings", "zipimport")
"""What any program may need without importing it."""

MADE_UP = {"encodings": "encodings.", "sysconfig": "_sysconfigdata_"}
"""What names start with that a module makes up to import them: all modules of such names come with it."""

UNSEEN: Mapping[str, tuple[str, ...]] = {
    "_asyncio": (
        "asyncio.base_futures",
        "asyncio.base_tasks",
        "asyncio.coroutines",
        "asyncio.events",
        "asyncio.exceptions",
        "traceback",
        "weakref",
    ),
    "_ctypes": ("ctypes._endian",),
    "_curses": ("curses",),
    "_datetime": ("_strptime",),
    "_decimal": ("collections", "numbers"),
    "_elementtree": ("copy", "pyexpat", "xml.etree.ElementPath"),
    "_interpreters": ("pickle",),
    "_json": ("json.decoder",),
    "_pickle": ("_compat_pickle", "codecs", "copyreg", "functools"),
    "_sqlite3": ("sqlite3.dbapi2", "sqlite3.dump"),
    "_ssl": ("_socket",),
    "_zoneinfo": ("zoneinfo._common", "zoneinfo._tzpath"),
    "importlib.resources": ("importlib.readers",),
    "array": ("collections.abc", "copyreg"),
    "time": ("_strptime",),
}
"""Modules that C code of CPython, or its frozen code, imports where another module is in use."""

NOT_FOLLOWED: Mapping[str, frozenset[str]] = {
    "_sitebuiltins": frozenset({"pydoc"}),
    "importlib._bootstrap_external": frozenset({"importlib.metadata", "importlib.readers"}),
    "site": frozenset({"_pyrepl", "readline", "rlcompleter"}),
    "zipimport": frozenset({"importlib.readers"}),
}
"""Imports of modules that every program has: of the interactive interpreter, where help() is called, and
where the imported module is in use already."""

NEEDED_BUILTINS = frozenset(
    {
        *(
            "_abc",
            "_ast",
            "_codecs",
            "_collections",
            "_contextvars",
            "_datetime",
            "_functools",
            "_imp",
            "_io",
        ),
        *(
            "_locale",
            "_opcode",
            "_operator",
            "_signal",
            "_sre",
            "_stat",
            "_string",
            "_struct",
            "_suggestions",
        ),
        *(
            "_symtable",
            "_sysconfig",
            "_thread",
            "_tokenize",
            "_tracemalloc",
            "_types",
            "_typing",
            "_warnings",
        ),
        *("_weakref", "atexit", "builtins", "errno", "faulthandler", "gc", "itertools", "marshal", "posix"),
        *("pwd", "sys", "time"),
    }
)
"""Built-in modules that C code of the interpreter imports, or that are a part of it."""

FOR_TESTS = frozenset({"doctest", "unittest"})
"""What modules of the standard library import for who tests with them, or to test themselves."""
COMMANDS = frozenset({"_main", "_test", "main", "test"})
"""Functions that make a command of a module of the standard library."""

_MAY_CALL_DEBUGGER = b"breakpoint("
_SHORTEST_IN_BINARY = 4
"""Shorter names occur in any binary by chance; those count where they stand alone."""


def used_modules(
    resources: Sequence[Resource], roots: Iterable[str], mains: Iterable[bytes], runtime: Runtime
) -> set[str]:
    """Return the names of the modules of the standard library that *resources* use.

    *roots* are names of modules that are run, *mains* sources that belong to no module, such as scripts.
    """
    library = _library(resources)
    return _search(library, resources, roots, mains, runtime).found & library.keys()


def unused_builtins(
    resources: Sequence[Resource], roots: Iterable[str], mains: Iterable[bytes], runtime: Runtime
) -> set[str]:
    """Return the names of the interpreter's built-in modules that none of *resources* uses.

    *roots* and *mains* are as for :func:`used_modules`. In modules of the standard library only what is among
    *resources* is followed.
    """
    used = _search(_library(resources), resources, roots, mains, runtime).found
    return set(runtime.builtin_modules - used - NEEDED_BUILTINS)


def _search(
    library: Mapping[str, SourceModule | ExtensionModule | NamespacePackage],
    resources: Sequence[Resource],
    roots: Iterable[str],
    mains: Iterable[bytes],
    runtime: Runtime,
) -> _Search:
    search = _Search(library, runtime.builtin_modules)
    search.reach([*ALWAYS, *runtime.frozen_modules, *roots])
    for source in mains:
        search.follow(find_imports(source, "__main__", is_package=False))
    for resource in resources:
        if resource.origin != PYTHON and isinstance(resource, SourceModule | ExtensionModule):
            search.look_at(resource)
    search.finish()
    return search


class _Search:
    def __init__(
        self,
        library: Mapping[str, SourceModule | ExtensionModule | NamespacePackage],
        builtin: frozenset[str],
    ) -> None:
        self.library = library
        self.known = library.keys() | builtin
        self.found: set[str] = set()
        self.queue: list[str] = []

    def reach(self, names: Iterable[str]) -> None:
        """Note that *names* are used, of which some may be objects in modules, or no modules at all."""
        for name in names:
            for parent in _and_parents(name):
                if parent in self.known and parent not in self.found:
                    self.found.add(parent)
                    self.queue.append(parent)

    def follow(self, imports: Imports) -> None:
        """Note what a module imports that has *imports*."""
        self.reach(imports.names)
        if imports.is_dynamic:
            self.reach(imports.texts & self.known)

    def look_at(self, module: SourceModule | ExtensionModule) -> None:
        """Note what a module imports that is no part of the standard library."""
        if isinstance(module, ExtensionModule):
            self.reach(_named_in(module.content, self.known))
            return
        source = module.content.read()
        self.follow(find_imports(source, module.name, is_package=module.is_package))
        if _MAY_CALL_DEBUGGER in source:
            self.reach(["pdb"])

    def finish(self) -> None:
        """Follow the imports of all that has been found."""
        while self.queue:
            name = self.queue.pop()
            self.reach(UNSEEN.get(name, ()))
            if name in MADE_UP:
                self.reach(other for other in self.library if other.startswith(MADE_UP[name]))
            module = self.library.get(name)
            if isinstance(module, SourceModule):
                self.follow_own(module)
            elif isinstance(module, ExtensionModule):
                self.reach(_named_alone_in(module.content, self.known))

    def follow_own(self, module: SourceModule) -> None:
        """Note what *module*, of the standard library, imports."""
        imports = find_imports(
            module.content.read(), module.name, is_package=module.is_package, without=COMMANDS
        )
        ignored = NOT_FOLLOWED.get(module.name, frozenset())
        if module.name.partition(".")[0] not in FOR_TESTS:
            ignored |= FOR_TESTS
        names = {name for name in imports.names if ignored.isdisjoint(_and_parents(name))}
        self.follow(Imports(frozenset(names), imports.texts, imports.is_dynamic))


def _library(
    resources: Iterable[Resource],
) -> dict[str, SourceModule | ExtensionModule | NamespacePackage]:
    return {
        resource.name: resource
        for resource in resources
        if isinstance(resource, SourceModule | ExtensionModule | NamespacePackage)
        and resource.origin == PYTHON
    }


def _and_parents(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.rpartition(".")[0]


def _named_in(content: Content, names: Iterable[str]) -> list[str]:
    """Return those of *names* that occur in a binary: in some languages strings have no end mark."""
    data = content.read()
    return [
        name
        for name in names
        if (name if len(name) >= _SHORTEST_IN_BINARY else f"\0{name}\0").encode() in data
    ]


def _named_alone_in(content: Content, names: Iterable[str]) -> list[str]:
    """Return those of *names* that are strings of a binary made by a C compiler."""
    data = content.read()
    return [name for name in names if f"\0{name}\0".encode() in data]
