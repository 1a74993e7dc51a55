"""What importing modules does, found out in a process of its own: an executable's interpreter, by ``-c``.

Arguments: a file of names, a line each, and the file that the report goes into, a dict as Python writes it:
``imported`` (modules, in order), ``left`` (module -> why it is not to be imported at build time) and
``variables`` (environment variable -> the module that asked for it).

A module that needs a shared library is not imported, nor is one that looks at what differs between machines
and processes; and neither are those that import it. The exception that says so is none that modules catch.

Only what every program has is imported here: others may be without ``ast`` and ``json``, and that the
program imports a module is still to be found out.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # as type checkers know it, without an import of typing
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType
    from typing import Any


HANDLED = frozenset(
    {"logging", "multiprocessing.process", "random", "rich", "sysconfig", "tempfile", "threading", "uuid"}
)
"""What these find out is forgotten, or made again in every process: see _snapshot.py."""
COMMON = frozenset("HOME PATH USER LOGNAME SHELL PWD TERM LANG LANGUAGE TZ TMPDIR TEMP TMP".split())
"""Variables that are set nearly everywhere. Where others are that modules ask for, no snapshot is used."""
KEEPING = {"_ctypes": "makes machine code in memory", "readline": "keeps streams of the C library"}
"""What built-in modules have as soon as they are imported, and no other process can have."""
USED_LATER = {
    "argparse": "_colorize copy shutil textwrap warnings".split(),
    "gettext": "copy errno locale re struct warnings".split(),
}
"""What modules of the standard library import when they are first used in the usual way."""
ONLY_AST = 0x400
"""ast.PyCF_ONLY_AST."""
CALLS = {
    "clock": ("time", "time time_ns monotonic monotonic_ns perf_counter perf_counter_ns localtime"),
    "process": ("posix", "getcwd getcwdb getpid getppid getuid geteuid getlogin urandom umask"),
    "machine": ("posix", "uname cpu_count sched_getaffinity"),
    "host name": ("_socket", "gethostname"),
    "users": ("pwd", "getpwuid getpwnam getpwall"),
}
"""What functions tell of: the module that has them, and their names."""


class LeftError(BaseException):
    """A module cannot be imported at build time. Not an Exception: programs catch these."""


class Survey:
    """What has been found out."""

    def __init__(self, lines: Iterable[str]) -> None:
        plan = [line.rstrip("\n").partition(" ") for line in lines]
        self.wanted = [value for kind, _, value in plan if kind == "import"]
        self.functions = [value for kind, _, value in plan if kind == "prepare"]
        self.packed = frozenset(value for kind, _, value in plan if kind == "packed")
        self.allowed = frozenset(value for kind, _, value in plan if kind == "allow")
        self.known = frozenset(sys.modules)
        told = (value.partition(" ") for kind, _, value in plan if kind == "left")
        self.left = {module: why for module, _, why in told}
        self.tried: dict[str, None] = {}  # in order
        self.variables: dict[str, str] = {}
        self.refusals = 0

    def leave(self, why: str, module: str | None) -> None:
        """Refuse to go on with *module*, if there is one."""
        if module is not None:
            self.left.setdefault(module, why)
            self.refusals += 1
            raise LeftError(module)

    def importing(self) -> str | None:
        """Return the innermost module whose body runs; None if it asks through one that is handled."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            name = str(frame.f_globals.get("__name__"))
            if name in HANDLED or name in self.allowed or finds_no_catalogue(name, frame):
                return None
            if is_body(frame):
                return name
            frame = frame.f_back
        return None

    def imported(self) -> list[str]:
        """Return the modules that can be imported at build time, and their packages too.

        Those that have been asked for come first, in the same order: what they import may need what they do.
        """
        names = dict.fromkeys([*(name for name in self.tried if name in sys.modules), *sys.modules])
        done = [name for name in names if name not in self.left and name not in self.known]
        return [name for name in done if not any(package in self.left for package in packages_of(name))]


def packages_of(name: str) -> list[str]:
    """Return the names of the packages that a module is in."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def is_body(frame: FrameType) -> bool:
    """Whether a frame is that of a module's body, but for this module and those that import."""
    name = str(frame.f_globals.get("__name__"))
    return frame.f_code.co_name == "<module>" and name != "__main__" and not name.startswith("importlib.")


def finds_no_catalogue(name: str, frame: FrameType) -> bool:
    """Whether gettext looks for translations where there are none: any language gives the same."""
    if name != "gettext" or frame.f_code.co_name != "find":
        return False
    return not os.path.isdir(frame.f_locals.get("localedir") or frame.f_globals["_default_localedir"])


class Finder:
    """Refuses extension modules in shared libraries, and what has been left before."""

    def __init__(self, survey: Survey) -> None:
        self.survey = survey

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Find what the other finders find."""
        if name in self.survey.left:
            self.survey.leave(self.survey.left[name], name)
        if name in KEEPING:
            self.survey.leave(KEEPING[name], name)
        spec = find_by_others(name, path, target)
        if spec is not None and type(spec.loader).__name__ == "ExtensionFileLoader":
            self.survey.leave("needs a shared library", name)
        return spec


def find_by_others(name: str, path: Any, target: Any = None) -> Any:
    """Find a module's spec by the finders that were there before; None if there is no such module."""
    others = [finder for finder in sys.meta_path if not isinstance(finder, Finder)]
    return next(filter(None, (finder.find_spec(name, path, target) for finder in others)), None)


class Variables(dict[bytes, bytes]):
    """The environment, which notes who asks for what."""

    survey: Survey

    def ask(self, key: bytes) -> None:
        """Note that a module asks for the variable *key*, or refuse."""
        module = self.survey.importing()
        name = os.fsdecode(key)
        if name in COMMON or name.startswith("LC_"):
            self.survey.leave(f"looks at the environment variable {name} when it is imported", module)
        elif module is not None:
            self.survey.variables.setdefault(name, module)

    def __getitem__(self, key: bytes) -> bytes:
        self.ask(key)
        return super().__getitem__(key)

    def get(self, key: bytes, default: Any = None) -> Any:
        """See dict."""
        self.ask(key)
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        if isinstance(key, bytes):
            self.ask(key)
        return super().__contains__(key)

    def __iter__(self) -> Iterator[bytes]:
        self.survey.leave("looks at the whole environment when it is imported", self.survey.importing())
        return super().__iter__()


def watched_functions() -> dict[object, str]:
    """Return functions that give something of a machine or a process, and what that is about."""
    watched: dict[object, str] = {}
    for what, (module, names) in CALLS.items():
        loaded = __import__(module) if module in sys.builtin_module_names else None
        watched |= {getattr(loaded, name): what for name in names.split() if hasattr(loaded, name)}
    return watched


def watcher(survey: Survey, watched: dict[object, str]) -> Callable[[FrameType, str, Any], None]:
    """Return what is to be called for each call of a function: a profiler."""

    def notice(frame: FrameType, event: str, called: Any) -> None:
        if event != "c_call" or "importlib" in str(frame.f_globals.get("__name__")):
            return
        try:
            what = watched.get(called)
        except TypeError:  # it has no hash
            return
        if what is not None:
            why = f"asks for something of the {what} when it is imported ({called.__name__})"
            survey.leave(why, survey.importing())

    return notice


def attempt(survey: Survey, name: str) -> bool:
    """Import a module; return whether that was possible."""
    refusals, known = survey.refusals, set(sys.modules)
    try:
        __import__(name)
    except LeftError as error:
        trace = error.__traceback__
        while trace is not None:
            if is_body(trace.tb_frame):
                module = str(trace.tb_frame.f_globals.get("__name__"))
                survey.left.setdefault(module, f"imports {error}")
            trace = trace.tb_next
        survey.left.setdefault(name, f"imports {error}")
        return False
    except ModuleNotFoundError as error:
        if error.name != name:  # else it is no module, but something that one defines
            survey.left[name] = f"imports {error.name}, which does not exist"
        return False
    except Exception as error:  # noqa: BLE001 - any
        survey.left[name] = f"cannot be imported ({type(error).__name__}: {error})"
        return False
    if survey.refusals != refusals:
        for module in set(sys.modules) - known:
            survey.left[module] = "goes on when a module that it imports cannot be"
        return False
    return True


def imports_of(name: str, packed: frozenset[str]) -> list[str]:
    """Return the modules that a module imports, by its source, which may be beside what it became."""
    try:
        parent = name.rpartition(".")[0]
        spec = find_by_others(name, sys.modules[parent].__path__ if parent else None)
        stem = spec.origin.removesuffix(".py").partition(".cpython-")[0].removesuffix(".abi3.so")
        with open(f"{stem}.py", encoding="utf-8") as file:
            tree = compile(file.read(), stem, "exec", ONLY_AST)
    except Exception:  # noqa: BLE001 - then nothing is known of it
        return []
    package = name if os.path.basename(stem) == "__init__" else parent
    found = []
    for node in nodes_of(tree):
        if type(node).__name__ == "Import":
            found += [alias.name for alias in node.names]
        elif type(node).__name__ == "ImportFrom":
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return [module for module in found if module in packed]


def nodes_of(tree: Any) -> Iterator[Any]:
    """Yield the nodes of a syntax tree, as ast.walk does."""
    nodes = [tree]
    for node in nodes:
        yield node
        for field in node._fields:
            value = getattr(node, field, None)
            below = value if isinstance(value, list) else [value]
            nodes += [child for child in below if hasattr(child, "_fields")]


def explore(survey: Survey) -> None:
    """Import what is wanted, of those that can't be imported what they import, and what they use later."""
    explore_from(survey, survey.wanted)
    for user, later in USED_LATER.items():
        if user in sys.modules and user not in survey.left:
            explore_from(survey, later)


def explore_from(survey: Survey, names: list[str]) -> None:
    """Import modules, and of those that can't be imported what they import, but for those tried before."""
    pending = list(names)
    while pending:
        name = pending.pop(0)
        if name not in survey.tried and name not in survey.known:
            survey.tried[name] = None
            if not attempt(survey, name):
                pending += imports_of(name, survey.packed)


def prepare(survey: Survey, function: str) -> None:
    """Call what is to be called after the imports, if its module can be imported."""
    module, _, name = function.partition(":")
    if attempt(survey, module):
        getattr(sys.modules[module], name)()


def main(names_path: str, report_path: str) -> None:
    """Find out, and write the report."""
    watched = watched_functions()
    with open(names_path, encoding="utf-8") as file:
        survey = Survey(file)
    sys.path.remove("")  # of python -c
    environment: Any = os.environ
    known = environment._data
    environment._data = Variables(known)
    environment._data.survey = survey
    finder = Finder(survey)
    sys.meta_path.insert(0, finder)
    sys.setprofile(watcher(survey, watched))
    explore(survey)
    for function in survey.functions:
        prepare(survey, function)
    sys.setprofile(None)
    sys.meta_path.remove(finder)
    environment._data = known
    report = {"imported": survey.imported(), "left": survey.left, "variables": survey.variables}
    with open(report_path, "w", encoding="ascii") as file:
        file.write(ascii(report))
    os._exit(0)  # what has been imported in part may not end well


if __name__ == "__main__":
    main(*sys.argv[1:])
