"""Part of an executable that has a snapshot, as the module ``_oxidize_snapshot``.

:func:`make` runs once, at build time, in the process that becomes the snapshot. What is done in every process
that starts from it is the stub's (``snapshot_renew.c``). Nothing is imported here that the program may not
have: what is in memory is saved.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # typeshed leaves it out
import gc
import io
import os
import posix
import sys
import time

TYPE_CHECKING = False  # as type checkers know it, without an import of typing
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import ModuleType
    from typing import Any

# Variables that are the current directory of when their modules were imported
_DIRECTORIES = {"multiprocessing.process": "ORIGINAL_DIR", "rich": "_IMPORT_CWD"}
# What variables are before anything has been found out of the process or the machine: every process does so
# when it needs it
_FOUND_OUT: Mapping[str, Mapping[str, object]] = {
    "platform": {"_uname_cache": None, "_os_release_cache": None},
    "site": {"USER_BASE": None, "USER_SITE": None},
    "sysconfig": {"_CONFIG_VARS": None, "_CONFIG_VARS_INITIALIZED": False},
    "tempfile": {"tempdir": None, "_name_sequence": None},
    "uuid": {"_node": None, "_last_timestamp": None, "_last_timestamp_v7": None, "_last_counter_v7": None},
}
_LOCALE_ERRORS = "surrogateescape"
"""What the streams do with what they cannot decode in the locale that a snapshot is made in."""


class _LeftError(BaseException):
    """A module is to be imported that every process imports itself. Programs do not catch it."""


class _Refusing:
    """Finds nothing, and lets no module of some *names* be found, or none at all."""

    def __init__(self, names: Iterable[str] | None) -> None:
        self.names = None if names is None else frozenset(names)

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        if self.names is None or name in self.names:
            raise _LeftError(f"{name} is left to the run, and something that is preloaded imports it")


def make(plan_path: str) -> tuple[tuple[Any, ...], list[Any], list[Any], bytes, bytes]:
    """Import what the plan says, a line each.

    Return what the stub makes anew in each process (``snapshot_renew.c`` unpacks it), a list in it that the
    stub fills, one of all objects that the garbage collector tracks, and two lists of names, each followed by
    a zero: of environment variables that modules have asked for, and of the modules that are imported.
    How many nanoseconds the imports took is in a file with the plan's name and ``.time`` behind it.
    """
    plan = _read(plan_path)
    begun = time.perf_counter_ns()
    _import(plan)
    _write(f"{plan_path}.time", b"%d" % (time.perf_counter_ns() - begun))
    _rehearse(sys.modules)
    _forget_machine()
    if refused := _refused():
        raise SystemExit("\n".join(f"process: {line}" for line in refused))
    containers: list[Any] = []
    renewed = (
        containers,
        (posix.environ, os.environ._data),  # type: ignore[attr-defined]  # private
        (sys.argv, sys.orig_argv),
        (io.FileIO, io.DEFAULT_BUFFER_SIZE),
        tuple(_stream(stream) for stream in (sys.stdin, sys.stdout, sys.stderr)),
        (_signal.signal, _handlers()),
        _threads(sys.modules),
        (time.tzset, _time_zone()),
        _modules(sys.modules),
    )
    variables, modules = (
        "".join(f"{value}\0" for kind, value in plan if kind == wanted).encode()
        for wanted in ("variable", "import")
    )
    del sys.modules["_oxidize_snapshot"]
    gc.collect()
    gc.collect()
    objects = gc.get_objects()
    gc.freeze()
    return renewed, containers, objects, variables, modules


# --- at build time -----------------------------------------------------------------------------


def _read(plan_path: str) -> list[tuple[str, str]]:
    with open(plan_path, encoding="utf-8") as file:
        lines = [line.rstrip("\n").partition(" ") for line in file]
    return [(kind, value) for kind, _, value in lines]


def _write(path: str, text: bytes) -> None:
    """Write a file without a stream, whose buffer would be in the snapshot."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(descriptor, text)
    os.close(descriptor)


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


def _rehearse(modules: Mapping[str, ModuleType]) -> None:
    """Use argparse as most programs do that have it.

    Python fits code to what it is used for, in place. What has been done is in the snapshot; what is still to
    be done costs each start a copy of the page. It takes a few runs. Nothing is imported that has not been.
    """
    argparse: Any = modules.get("argparse")
    if argparse is None:
        return
    finder = _Refusing(None)
    sys.meta_path.insert(0, finder)
    try:
        for _ in range(4):
            parser = argparse.ArgumentParser(prog="program", description="text")
            parser.add_argument("names", nargs="*", default=["name"])
            parser.add_argument("--number", type=int, default=1, help="text")
            parser.add_argument("-s", "--switch", action="store_true")
            parser.parse_args(["--number", "2", "name"])
            parser.parse_args([])
    except _LeftError:
        pass
    sys.meta_path.remove(finder)


def _forget_machine() -> None:
    """Forget what modules have found out of the machine that builds, and what they have kept of files."""
    for name, values in _FOUND_OUT.items():
        if name in sys.modules:
            known = vars(sys.modules[name])
            known.update((variable, value) for variable, value in values.items() if variable in known)
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


def _stream(stream: Any) -> tuple[Any, ...]:
    """Return a standard stream and how it is to be made again. None: as each process finds out."""
    errors = None if stream.errors == _LOCALE_ERRORS else stream.errors
    buffer = None if stream.write_through and stream is not sys.stdin else stream.buffer
    return stream, buffer, stream.encoding, errors, stream.write_through


def _time_zone() -> bytes | None:
    """Return the content of the system's file if it says UTC: where it is the same there is nothing to do."""
    if time.tzname != ("UTC", "UTC") or time.timezone:
        return None
    try:
        with open("/etc/localtime", "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def _threads(modules: Mapping[str, ModuleType]) -> tuple[Any, ...] | None:
    """Return what knows the main thread by its number."""
    threading: Any = modules.get("threading")
    return None if threading is None else (threading._main_thread, threading._active)


def _modules(modules: Mapping[str, ModuleType]) -> tuple[Any, ...]:
    """Return where modules keep what they know of the process: names in dicts, by kind."""
    directories = [(vars(modules[name]), key) for name, key in _DIRECTORIES.items() if name in modules]
    clocks = [(vars(modules["logging"]), "_startTime")] if "logging" in modules else []
    secrets: list[tuple[Any, ...]] = []
    process: Any = modules.get("multiprocessing.process")
    if process is not None:
        secrets.append((process._current_process._config, "authkey", process.AuthenticationString))
    return tuple(directories), tuple(clocks), tuple(secrets)


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
