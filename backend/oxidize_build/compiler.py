"""C compilers: which there are, and how they are run."""

from __future__ import annotations

import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from oxidize_build import __version__
from oxidize_build.errors import CompilerError
from oxidize_build.runtime import Runtime
from oxidize_build.runtime.model import Libc

_OUTPUT_LINES = 20


@dataclass(frozen=True, slots=True)
class Compiler:
    """A C compiler that understands the options of gcc."""

    command: tuple[str, ...]
    """The program and the arguments that come first."""
    version: str
    """What it says of itself."""


class Occasion(NamedTuple):
    """Why something is compiled that a runtime could have brought."""

    reason: str
    """A clause."""
    remedy: str
    """How to do without a compiler, in the imperative."""


def made_for_another_version(part: str, runtime: Runtime) -> Occasion:
    """Return the occasion that the *part* that *runtime* brings is of other sources than these."""
    return Occasion(
        f"the {part} in the runtime of Python {runtime.version} was linked for another version of oxidize",
        f"get the runtime that was built for oxidize {__version__}",
    )


def find_compiler(libc: Libc = "glibc") -> Compiler:
    """Return a compiler whose results use *libc*.

    For glibc it is the one that ``$CC`` names, else cc, gcc, clang, or zig's from PyPI. For musl it is the
    first that compiles for musl of ``$CC``, the compiler of a musl cross toolchain, musl-gcc, cc and zig's.

    Raises CompilerError when there is none, or when ``$CC`` names one that does not exist.
    """
    return _find_musl_compiler() if libc == "musl" else _find_host_compiler()


def find_stub_compiler(runtime: Runtime, occasion: Occasion | None = None) -> Compiler:
    """Return what compiles for *runtime*: for one for an old glibc zig's, whose results need no newer one.

    Raises CompilerError when there is none, which tells of the *occasion*.
    """
    if runtime.stub is not None and runtime.glibc is not None and not os.environ.get("CC") and has_zig():
        return identify(zig("-target", f"{platform.machine()}-linux-gnu.{runtime.glibc}"))
    try:
        return find_compiler(runtime.libc)
    except CompilerError as error:
        if occasion is None:
            raise
        raise CompilerError(
            f"{occasion.reason}, so one must be linked, and {error.message}",
            hint=f"{occasion.remedy}, or {error.hint}",
        ) from error


def _find_host_compiler() -> Compiler:
    named = os.environ.get("CC", "").strip()
    candidates = [tuple(shlex.split(named))] if named else [("cc",), ("gcc",), ("clang",)]
    for command in candidates:
        if shutil.which(command[0]):
            return identify(command)
    if named:
        raise CompilerError(
            f"the environment variable CC names {named}, which does not exist",
            hint="unset CC, or install that compiler",
        )
    if has_zig():
        return identify(zig(*host_zig_target()))
    raise CompilerError(
        "no C compiler was found: tried $CC (not set), cc, gcc, clang, and zig of the package ziglang",
        hint="install one (on Debian and Ubuntu: apt install gcc), "
        "or put oxidize-build[zig] in build-system.requires",
    )


def _find_musl_compiler() -> Compiler:
    named = os.environ.get("CC", "").strip()
    candidates = [tuple(shlex.split(named))] if named else []
    candidates += [(f"{platform.machine()}-linux-musl-gcc",), ("musl-gcc",), ("cc",)]
    for command in candidates:
        if shutil.which(command[0]) and _is_for_musl(command):
            return identify(command)
    if has_zig():
        return identify(zig("-target", f"{platform.machine()}-linux-musl"))
    raise CompilerError(
        f"no C compiler for musl was found: tried $CC ({named or 'not set'}), "
        f"{', '.join(command for command, *_ in candidates[-3:])}, and zig of the package ziglang",
        hint="put oxidize-build[zig] in build-system.requires, "
        "or install one (on Debian and Ubuntu: apt install musl-tools)",
    )


def _is_for_musl(command: tuple[str, ...]) -> bool:
    """Whether a compiler's name or arguments, or what it says its target is, name musl."""
    return "musl" in shlex.join(command) or "musl" in run_compiler([*command, "-dumpmachine"])


def has_zig() -> bool:
    """Whether the compiler of the package ziglang is installed."""
    return importlib.util.find_spec("ziglang") is not None


def zig(*arguments: str) -> tuple[str, ...]:
    """Return the command of the package ziglang's C compiler."""
    return (sys.executable, "-m", "ziglang", "cc", *arguments)


def host_zig_target() -> tuple[str, ...]:
    """Return the options that make zig compile for this machine and its glibc.

    It is what this machine's libpython was built against.
    """
    libc, version = platform.libc_ver()
    return ("-target", f"{platform.machine()}-linux-gnu.{version}") if libc == "glibc" else ()


def identify(command: tuple[str, ...]) -> Compiler:
    """Ask the compiler *command* for its version. Raises CompilerError when it does not run."""
    return Compiler(command, run_compiler([*command, "--version"]))


def run_compiler(command: Sequence[str]) -> str:
    """Run the compiler; return what it prints. Raises CompilerError with the end of its output."""
    try:
        done = subprocess.run(
            command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as error:
        raise CompilerError(f"{command[0]} does not run: {error}") from error
    output = done.stdout.decode(errors="replace")
    if done.returncode:
        end = "\n".join(output.splitlines()[-_OUTPUT_LINES:])
        raise CompilerError(f"{shlex.join(command)}\nended with status {done.returncode}:\n{end}")
    return output
