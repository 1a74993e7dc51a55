"""An executable that packs CPython's own tests, and is nothing but the interpreter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

from oxidize_build.cache import Cache
from oxidize_build.collect import collect_stdlib
from oxidize_build.link import make_stub
from oxidize_build.pipeline import Workshop, pack
from oxidize_build.policy import Policy, apply_policy
from oxidize_build.resources import Content, SourceModule
from oxidize_build.runtime import Runtime
from oxidize_build.settings import Command, Executable
from oxidize_build.settings.model import Rule

WITH_TESTS = Policy(
    rules=(
        Rule(
            package=("python",),
            files=("**/test", "**/tests", "**/lib-dynload/_*test*", "**/lib-dynload/xx*"),
            include=True,
        ),
    )
)
"""Pack the tests; what they read are files of all kinds."""

BECOME_PYTHON = "import os, sys; os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"

PRELOADED = (
    *("test.libregrtest.main", "test.support", "test.support.import_helper", "test.support.os_helper"),
    *("test.support.script_helper", "test.support.socket_helper", "test.support.threading_helper"),
    *("test.support.warnings_helper", "unittest", "unittest.mock", "doctest"),
    *("abc", "argparse", "array", "ast", "asyncio", "base64", "bisect", "bz2", "calendar", "codecs"),
    *("collections", "compileall", "concurrent.futures.thread", "configparser", "contextlib", "contextvars"),
    *("copy", "csv", "ctypes", "dataclasses", "datetime", "decimal", "difflib", "dis", "email.message"),
    *("enum", "errno", "fnmatch", "fractions", "functools", "getopt", "getpass", "gettext", "glob", "gzip"),
    *("hashlib", "heapq", "hmac", "html.parser", "http.client", "http.server", "importlib.metadata"),
    *("importlib.resources", "importlib.util", "inspect", "io", "ipaddress", "itertools", "json", "keyword"),
    *("linecache", "locale", "logging.config", "lzma", "math", "mimetypes", "mmap", "multiprocessing.pool"),
    *("numbers", "operator", "optparse", "os", "pathlib", "pdb", "pickle", "pkgutil", "platform", "plistlib"),
    *("posixpath", "pprint", "queue", "random", "re", "reprlib", "runpy", "sched", "secrets", "select"),
    *("selectors", "shelve", "shlex", "shutil", "signal", "socket", "socketserver", "sqlite3", "ssl", "stat"),
    *("statistics", "string", "struct", "subprocess", "sysconfig", "tarfile", "tempfile", "textwrap"),
    *("threading", "time", "timeit", "token", "tokenize", "traceback", "tracemalloc", "types", "typing"),
    *("urllib.parse", "urllib.request", "uuid", "warnings", "wave", "weakref", "xml.dom.minidom"),
    *("xml.etree.ElementTree", "xml.sax", "zipfile", "zipimport", "zlib", "zoneinfo"),
)
"""What a snapshot has: regrtest, and the modules of the standard library that programs use."""

LOOKING = ("test.support", "test.support.os_helper", "test.support.socket_helper")
"""Modules that look at the machine when they are imported, and are in the snapshot nevertheless."""

PREPARE = "prepare_tests"
"""A module: tests go back to the directory that they were started in, which each process has its own of."""

PREPARE_CODE = b"""\
import os

from test.support import os_helper


def set_directory(directory):
    os_helper.SAVEDCWD = directory


def prepare():
    set_directory(None)
    os.register_at_fork(after_in_child=lambda: set_directory(os.getcwd()))
"""

RUN_SCRIPT = f"""\
import sys

if not sys.argv:
    import {", ".join(PRELOADED)}

script = sys.argv[1 + sys.argv[1:].index(next(a for a in sys.argv[1:] if not a.startswith("-")))]
del sys.argv[: sys.argv.index(script)]
sys.path.insert(0, script.rpartition("/")[0])
with open(script, "rb") as file:
    code = compile(file.read(), script, "exec")
__file__ = script
exec(code)
"""
"""Run a script as ``python`` does, with what the snapshot has. It is never without arguments."""


def pack_tests(runtime: Runtime, directory: Path, *, snapshot: bool = False) -> Path:
    """Return an executable in *directory* that runs scripts as ``python`` does and has the package test.

    With *snapshot* it starts from one; otherwise it takes all arguments of ``python``.
    """
    cache = Cache.default()
    workshop = Workshop(runtime, cache, make_stub(runtime, cache))
    kept = apply_policy(collect_stdlib(runtime), runtime, WITH_TESTS).kept
    name = f"python{runtime.short_version}"
    executable = Executable(name, Command(BECOME_PYTHON))
    if snapshot:
        executable = Executable(name, Command(RUN_SCRIPT), snapshot=True, allow=LOOKING)
    if snapshot and "_opcode" in runtime.builtin_modules:  # else regrtest is left to the run
        executable = replace(executable, prepare=f"{PREPARE}:prepare")
        path = PurePosixPath(runtime.module_roots[-1], PREPARE).with_suffix(".py")
        code = Content(PREPARE_CODE)
        kept = (*kept, SourceModule(PREPARE, is_package=False, path=path, content=code, origin="tests"))
    return pack(executable, kept, workshop, directory / executable.name).path
