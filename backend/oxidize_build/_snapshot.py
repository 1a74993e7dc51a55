"""Part of an executable that has a snapshot, as the module ``_oxidize_snapshot``.

:func:`make` runs once, at build time, in the process that becomes the snapshot; what it returns is called in
every process that starts from it. Nothing is imported here that the program may not have: what is in memory
is saved.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import gc
import io
import os
import posix
import sys
import time

TYPE_CHECKING = False  # as type checkers know it, without an import of typing
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import ModuleType
    from typing import Any

# Variables of modules that are None until something has been found out of the process or the machine
_CACHES = {
    "platform": ("_uname_cache", "_os_release_cache"),
    "tempfile": ("tempdir", "_name_sequence"),
    "uuid": ("_node", "_last_timestamp", "_last_timestamp_v7", "_last_counter_v7"),
}
# Variables that are the current directory of when their modules were imported
_DIRECTORIES = {"multiprocessing.process": "ORIGINAL_DIR", "rich": "_IMPORT_CWD"}
# What variables are before anything has been found out: every process does so when it needs it
_FOUND_OUT: Mapping[str, Mapping[str, object]] = {
    "site": {"USER_BASE": None, "USER_SITE": None},
    "sysconfig": {"_CONFIG_VARS": None, "_CONFIG_VARS_INITIALIZED": False},
}
_NAMES = ("stdin", "stdout", "stderr")
_LOCALE_ERRORS = "surrogateescape"
"""What the streams do with what they cannot decode in the locale that a snapshot is made in."""


class _LeftError(BaseException):
    """A module is to be imported that every process imports itself. Programs do not catch it."""


class _Refusing:
    """Finds nothing, and lets no module of some *names* be found."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        if name in self.names:
            raise _LeftError(f"{name} is left to the run, and something that is preloaded imports it")


def make(plan_path: str) -> tuple[Callable[..., None], list[Any], bytes, bytes]:
    """Import what the plan says, a line each.

    Return the function for new processes, a list that the stub fills, and two lists of names, each followed
    by a zero: of environment variables that modules have asked for, and of the modules that are imported.
    """
    plan = _read(plan_path)
    _import(plan)
    _forget_machine()
    handlers = _handlers()
    if refused := _refused():
        raise SystemExit("\n".join(f"process: {line}" for line in refused))
    containers: list[Any] = []
    streams: list[Any] = [sys.stdin, sys.stdout, sys.stderr]
    configured = [(stream.encoding, stream.errors, stream.write_through) for stream in streams]

    def restore(
        forked: Callable[[], None],
        arguments: list[str],
        environment: dict[bytes, bytes],
        ignored: list[int],
        errors: str,
    ) -> None:
        for container in containers:
            _build_anew(container)
        _renew_main_thread()
        forked()
        _set_environment(environment)
        sys.argv[:] = arguments
        sys.orig_argv[:] = arguments
        for descriptor, stream in enumerate(streams):
            _open_again(descriptor, stream, configured[descriptor], errors)
        _set_handlers(handlers, ignored)
        _renew_modules(sys.modules)

    variables, modules = (
        "".join(f"{value}\0" for kind, value in plan if kind == wanted).encode()
        for wanted in ("variable", "import")
    )
    del sys.modules["_oxidize_snapshot"]
    gc.collect()
    gc.collect()
    gc.freeze()
    return restore, containers, variables, modules


# --- at build time -----------------------------------------------------------------------------


def _read(plan_path: str) -> list[tuple[str, str]]:
    with open(plan_path, encoding="utf-8") as file:
        lines = [line.rstrip("\n").partition(" ") for line in file]
    return [(kind, value) for kind, _, value in lines]


def _import(plan: list[tuple[str, str]]) -> None:
    finder = _Refusing(value for kind, value in plan if kind == "left")
    sys.meta_path.insert(0, finder)
    for kind, value in plan:
        if kind == "import":
            __import__(value)
        elif kind == "prepare":
            module, _, function = value.partition(":")
            __import__(module)
            getattr(sys.modules[module], function)()
    sys.meta_path.remove(finder)


def _forget_machine() -> None:
    """Forget what modules have found out of the machine that builds, and what they have kept of files."""
    for name, values in _FOUND_OUT.items():
        if name in sys.modules:
            vars(sys.modules[name]).update(values)
    for name, variable in _DIRECTORIES.items():
        if name in sys.modules:
            setattr(sys.modules[name], variable, None)
    if "linecache" in sys.modules:
        sys.modules["linecache"].clearcache()
    sys.path_importer_cache.clear()
    _forget_parts_of_paths()
    sys.stdout.flush()
    sys.stderr.flush()


def _handlers() -> list[tuple[int, Any]]:
    """Return the signals that Python has a handler for, with these."""
    found = []
    for number in _signal.valid_signals():
        handler = _signal.getsignal(number)
        if callable(handler) and not isinstance(handler, int):
            found.append((int(number), handler))
    return found


def _refused() -> list[str]:
    """Return what the process has that no other one can have."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            try:
                target = os.readlink(f"/proc/self/fd/{name}")
            except FileNotFoundError:  # that of the directory itself
                continue
            found.append(f"descriptor {name} is open: {target}")
    if threads := len(os.listdir("/proc/self/task")) - 1:
        found.append(f"{threads} threads are running")
    try:
        os.waitpid(-1, os.WNOHANG)
        found.append("there are child processes")
    except ChildProcessError:
        pass
    return found


def _forget_parts_of_paths() -> None:
    """Let paths keep the whole text only: that is what can be replaced."""
    pathlib = sys.modules.get("pathlib")
    if pathlib is None:
        return
    kept = {"_raw_paths", "_str", "__weakref__", "__dict__"}
    # Not isinstance: objects may tell of themselves what costs them something
    for path in [found for found in gc.get_objects() if issubclass(type(found), pathlib.PurePath)]:
        str(path)
        slots = {slot for kind in type(path).__mro__ for slot in getattr(kind, "__slots__", ())}
        for slot in slots - kept:
            if hasattr(path, slot):
                delattr(path, slot)


# --- in every process --------------------------------------------------------------------------


def _build_anew(container: Any) -> None:
    """Sort what a dict or set holds by hashes that have changed."""
    if isinstance(container, dict):
        items = list(dict.items(container))
        dict.clear(container)
        for key, value in items:
            dict.__setitem__(container, key, value)
    else:
        members = list(set.__iter__(container))
        set.clear(container)
        set.update(container, members)


def _renew_main_thread() -> None:
    threading: Any = sys.modules.get("threading")
    if threading is not None:
        main = threading._main_thread
        main._ident = threading.get_ident()
        main._native_id = threading.get_native_id()
        threading._active.clear()
        threading._active[main._ident] = main


def _set_environment(environment: dict[bytes, bytes]) -> None:
    data: dict[bytes, bytes] = os.environ._data  # type: ignore[attr-defined]
    for known in (posix.environ, data):
        known.clear()
        known.update(environment)


def _open_again(descriptor: int, stream: Any, configured: tuple[str, str, bool], errors: str) -> None:
    """Make a standard stream as Python does when it starts. It stays the same object, as others know it."""
    name = _NAMES[descriptor]
    try:
        os.fstat(descriptor)
        raw: Any = io.FileIO(descriptor, "rb" if descriptor == 0 else "wb", closefd=False)
    except OSError:
        setattr(sys, name, None)
        setattr(sys, f"__{name}__", None)
        return
    raw.name = f"<{name}>"
    encoding, usual_errors, write_through = configured
    buffer: Any = raw
    if not write_through or descriptor == 0:
        buffer = stream.buffer
        buffer.__init__(raw, raw._blksize if raw._blksize > 1 else io.DEFAULT_BUFFER_SIZE)
    line_buffering = not write_through and (descriptor == 2 or raw.isatty())
    errors = errors if usual_errors == _LOCALE_ERRORS else usual_errors
    stream.__init__(buffer, encoding, errors, "\n", line_buffering, write_through)
    stream.mode = "r" if descriptor == 0 else "w"


def _set_handlers(handlers: list[tuple[int, Any]], ignored: list[int]) -> None:
    """Handle signals as Python does when it starts: what is ignored by then stays so."""
    for number, handler in handlers:
        if number not in ignored:
            _signal.signal(number, handler)
    for number in (*ignored, _signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_IGN)


def _renew_modules(modules: Mapping[str, ModuleType]) -> None:
    """Let modules find out anew what they know of the process."""
    for name, variables in _CACHES.items():
        if name in modules:
            known = vars(modules[name])
            known.update((variable, None) for variable in variables if variable in known)
    for name, variable in _DIRECTORIES.items():
        if name in modules:
            try:
                setattr(modules[name], variable, os.path.abspath(os.getcwd()))
            except OSError:
                setattr(modules[name], variable, None)
    time.tzset()
    if "logging" in modules:
        began = time.time_ns() if sys.version_info >= (3, 13) else time.time()
        vars(modules["logging"])["_startTime"] = began
    if "multiprocessing.process" in modules:
        process: Any = modules["multiprocessing.process"]
        process._current_process._config["authkey"] = process.AuthenticationString(os.urandom(32))
