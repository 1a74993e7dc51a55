"""How CPython is configured and compiled: arguments for its ``configure`` and its makefile.

A build tree stands beside the source tree and the libraries, which it names by relative paths: so
nothing that is compiled names a directory of the building machine.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from oxidize_build.link import stub_sources
from oxidize_build.runtime.build.plan import TAIL_CALLS_SINCE, Plan

PREFIX = "/install"
"""The prefix that CPython is configured with: that of python-build-standalone, no machine's."""
OBJECT_LIST = "library-objects"
"""File in a build tree that names the objects of which CPython's static library is made."""
PROFILE_NAME = "code.profdata"
_CURSES_HEADERS = "-I../libraries/include/ncursesw"
LIBRARY_FLAGS = (_CURSES_HEADERS, "-I../libraries/include", "-L../libraries/lib")
"""Where the third-party libraries are, seen from a build tree."""

_CONFIGURE_ARGUMENTS = (
    f"--prefix={PREFIX}",
    "--disable-shared",
    "--disable-test-modules",
    "--without-ensurepip",  # no package is installed; the module is there, and the wheel of pip with it
    "--with-openssl=../libraries",
    "--with-readline=editline",  # readline and gdbm are under the GPL
    "--with-dbmliborder=",
    "--with-system-expat=no",
    "--with-pkg-config=no",  # it knows the libraries of the building machine
    "MODULE_BUILDTYPE=static",
    *(f"py_cv_module__{name}=n/a" for name in ("dbm", "gdbm", "tkinter")),
    f"CURSES_CFLAGS={_CURSES_HEADERS}",
    "CURSES_LIBS=-lncursesw",
    f"PANEL_CFLAGS={_CURSES_HEADERS}",
    "PANEL_LIBS=-lpanelw -lncursesw",
    "LIBEDIT_LIBS=-ledit -lncursesw",
    "LIBSQLITE3_LIBS=-lsqlite3 -lm",
    "OPT=-DNDEBUG -O3 -Wall",
    f"CPPFLAGS={LIBRARY_FLAGS[1]}",
)
_LIST_OBJECTS = f"{OBJECT_LIST}: ; @echo $(LIBRARY_OBJS) > $@"
"""A rule that CPython's makefile lacks."""
ALLOCATING_SOURCE = "os_static_memory.c"
"""The stub's source that makes libpython's mimalloc the allocator of a static executable."""
_MIMALLOC = re.compile(r"\bmi_\w+")
_LIMITED_STACK = ("-mllvm", "-inline-max-stacksize=4096")
"""By a profile, functions with 32 KiB of paths on the stack are inlined into others that recurse. That is the
margin that CPython's recursion check leaves: an overflow ended the process. They stay apart."""
_FIXED_ADDRESS = "-fno-pie"
"""An executable of oxidize has a fixed address: so is libpython's code made for one, which is faster."""


@dataclass(frozen=True, slots=True)
class Flags:
    """What a stage of the build adds to the compiler's and to the linker's arguments."""

    compile: tuple[str, ...]
    link: tuple[str, ...]


def configure_command(plan: Plan) -> list[str]:
    """Return the command that configures CPython, for a build tree beside ``source`` and ``libraries``."""
    toolchain = plan.toolchain
    arguments = list(_CONFIGURE_ARGUMENTS)
    if plan.free_threaded:
        arguments.append("--disable-gil")
    if toolchain.is_clang and plan.minor >= TAIL_CALLS_SINCE:
        arguments.append("--with-tail-call-interp")
    arguments += [
        f"CC={shlex.join(toolchain.cc)}",
        f"CXX={shlex.join(toolchain.cxx)}",
        f"AR={toolchain.ar}",
        f"RANLIB={toolchain.ranlib}",
        f"CFLAGS={shlex.join(toolchain.cflags)}",
        f"LDFLAGS={shlex.join([*toolchain.ldflags, LIBRARY_FLAGS[2]])}",
    ]
    return ["../source/configure", *arguments]


def first_stage_flags(plan: Plan) -> Flags:
    """Return the flags for an interpreter that is trained or that helps to build the next one."""
    if not plan.pgo:
        return Flags((_FIXED_ADDRESS, "-O0"), ("-no-pie",))  # it only has to be there soon
    # the compiler's own intermediate code tells more than the source's expressions do
    return Flags((_FIXED_ADDRESS, "-fprofile-generate", *_LIMITED_STACK), ("-no-pie", "-fprofile-generate"))


def final_stage_flags(plan: Plan) -> Flags:
    """Return the flags for the interpreter that is delivered."""
    compile_flags, link_flags = [_FIXED_ADDRESS], ["-no-pie"]
    if plan.pgo:
        # what training never ran has no profile, which the compiler would warn about
        compile_flags += [f"-fprofile-use=../profile/{PROFILE_NAME}", "-Wno-profile-instr-unprofiled"]
    if plan.pgo or plan.lto:
        compile_flags += _LIMITED_STACK
    if plan.lto:
        compile_flags.append("-flto=thin")
        link_flags += ["-flto=thin", "-fuse-ld=lld", f"-Wl,--thinlto-jobs={plan.jobs}"]
        link_flags.append("-Wl,--lto-obj-path=../native-objects/object")
        link_flags += [f"-Wl,-mllvm,{_LIMITED_STACK[1]}"]
        link_flags += [f"-Wl,--undefined={name}" for name in _kept_symbols(plan)]
    return Flags(tuple(compile_flags), tuple(link_flags))


def _kept_symbols(plan: Plan) -> list[str]:
    """Name the functions that an optimising link would drop, since only the stub of oxidize calls them."""
    if not plan.toolchain.is_static:
        return []
    return sorted(set(_MIMALLOC.findall((stub_sources() / ALLOCATING_SOURCE).read_text("utf-8"))))


def make_command(plan: Plan, flags: Flags, *targets: str) -> list[str]:
    """Return the command that makes *targets* in a build tree, with *flags*."""
    return [
        "make",
        f"-j{plan.jobs}",
        f"CFLAGS_NODIST={shlex.join(flags.compile)}",
        f"LDFLAGS_NODIST={shlex.join(flags.link)}",
        "CCSHARED=",  # all modules are built in
        *targets,
    ]


def final_make_command(plan: Plan, *targets: str) -> list[str]:
    """Return the command that makes *targets* of the interpreter that is delivered.

    After a first stage its programs freeze the modules, and the program for the tests of embedding is
    not linked: each link with optimisation takes as long as that of the interpreter.
    """
    command = make_command(plan, final_stage_flags(plan), *targets)
    if plan.pgo or plan.lto:
        command += [
            "FREEZE_MODULE_BOOTSTRAP=../first-stage/Programs/_freeze_module",
            "FREEZE_MODULE_BOOTSTRAP_DEPS=",
            "FREEZE_MODULE=../first-stage/python $(srcdir)/Programs/_freeze_module.py",
            "FREEZE_MODULE_DEPS=",
        ]
    return [*command, "--assume-old=Programs/_testembed", f"--eval={_LIST_OBJECTS}"]
