"""Run pip for the target's interpreter, and say in one error what it could not do."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from typing import TYPE_CHECKING

from oxidize_build.errors import DependencyError
from oxidize_build.target import STATIC_HINT, resolving

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from oxidize_build.runtime.model import Runtime

LINES_SHOWN = 25
_OPTIONS = ("--no-input", "--progress-bar=off", "--disable-pip-version-check")

FIRST_FAULT = re.compile(r"^\s*(error|warning):", re.IGNORECASE | re.MULTILINE)

NOT_FOUND = re.compile(r"No matching distribution found for (.+?)(?: \(from .*)?$", re.MULTILINE)
NOT_FOUND_HINT = (
    "check its name and version, that it supports the Python version asked for, "
    "and that pip can reach its index"
)
CONFLICT = re.compile(r"conflict is caused by:.*?depends on (\S+)", re.DOTALL)
CONFLICT_HINT = "loosen one of the version ranges that exclude each other"
NOT_BUILT = re.compile(
    r"(?:Failed building wheel for|Encountered error while generating .*\n╰─>) (.+)$", re.MULTILINE
)
NOT_BUILT_HINT = (
    "it has no wheel for this platform and its sdist cannot be built here: "
    "ask for a version that has a wheel, or install what its build needs"
)
NOT_AS_HASHED = re.compile(r"DO NOT MATCH THE HASHES.*?\n\s+(\S+(?: from \S+)?)", re.DOTALL)
NOT_AS_HASHED_HINT = "the file is not the one that was meant: find out why, and lock it anew if that is right"
CAUSES = (
    (NOT_AS_HASHED, NOT_AS_HASHED_HINT),
    (NOT_FOUND, NOT_FOUND_HINT),
    (CONFLICT, CONFLICT_HINT),
    (NOT_BUILT, NOT_BUILT_HINT),
)
"""What pip prints about a requirement that it cannot provide, and what to do then."""


def make_wheels(
    requirements: Sequence[str], project: str, runtime: Runtime, folder: Path, cwd: Path | None = None
) -> None:
    """Put the wheels of *requirements* and of all that they depend on into *folder*.

    *requirements* are what pip takes as such, and options about them; relative paths in these begin at *cwd*.
    *project* names, in errors, what was asked for. pip's configuration is honoured as it is.

    For a fully static runtime wheels for every platform are taken; if there are not enough of them, others
    are built without a compiler.

    Raises DependencyError, which names the requirement that failed and quotes what pip said.
    """
    command = ["wheel", f"--wheel-dir={folder}", *requirements]
    refusal = _run([*command, "--only-binary=:all:"], runtime, cwd) if runtime.is_static else ""
    if refusal is None:
        return
    output = _run(command, runtime, cwd)
    if output is None:
        return
    lacking = NOT_FOUND.search(refusal)
    raise _not_portable(lacking[1], project, output) if lacking else _failure(project, output)


def make_wheels_here(requirements: Sequence[str], what: str, folder: Path) -> None:
    """Put the wheels of *requirements*, for the interpreter that runs this, into *folder*.

    *what* names, in errors, what they are for. Raises DependencyError as :func:`make_wheels` does.
    """
    command = [sys.executable, "-P", "-m", "pip", "wheel", *_OPTIONS, f"--wheel-dir={folder}", *requirements]
    output = _execute(command, None, None)
    if output is not None:
        raise _failure(what, output)


def run_pip(arguments: Sequence[str], project: str, runtime: Runtime, cwd: Path | None = None) -> None:
    """Run a command of pip for *runtime*. Raises DependencyError as :func:`make_wheels` does."""
    output = _run(arguments, runtime, cwd)
    if output is not None:
        raise _failure(project, output)


def _run(arguments: Sequence[str], runtime: Runtime, cwd: Path | None) -> str | None:
    """Run a command of pip; return what it printed if it failed."""
    command = [*_pip(runtime), arguments[0], *_OPTIONS, *arguments[1:]]
    with resolving(runtime) as environment:
        return _execute(command, cwd, environment)


def _execute(command: Sequence[str], cwd: Path | None, environment: Mapping[str, str] | None) -> str | None:
    result = subprocess.run(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env=environment,
        check=False,
    )
    return result.stdout if result.returncode != 0 else None


def _pip(runtime: Runtime) -> list[str]:
    """Return the command for a pip that resolves for the runtime: ``-P`` keeps the project's modules out."""
    command = [sys.executable, "-P", "-m", "pip"]
    is_same = (sys.hexversion, sysconfig.get_config_var("SOABI")) == (runtime.hexversion, runtime.soabi)
    return command if is_same else [*command, f"--python={runtime.python}"]


def _failure(project: str, output: str) -> DependencyError:
    """Return the error for what pip printed."""
    quoted = _quoted(output)
    for pattern, hint in CAUSES:
        if cause := pattern.search(output):
            return DependencyError(
                f"{project}'s dependency {cause[1]} cannot be provided:{quoted}", hint=hint
            )
    return DependencyError(
        f"the dependencies of {project} cannot be provided:{quoted}",
        hint=f"`pip wheel` with the same requirements, run for {sys.executable}, shows the whole of it",
    )


def _not_portable(requirement: str, project: str, output: str) -> DependencyError:
    """Return the error for a *requirement* that has extension modules, and pip's *output* on building it."""
    return DependencyError(
        f"{project}'s dependency {requirement} has no wheel for every platform and cannot be built without a "
        f"compiler; a fully static executable can load no extension modules:{_quoted(output)}",
        hint=STATIC_HINT,
    )


def _quoted(output: str) -> str:
    """Return the lines that pip printed from the first fault on."""
    fault = FIRST_FAULT.search(output)
    relevant = output[fault.start() if fault else 0 :].splitlines()[-LINES_SHOWN:]
    return "".join(f"\n  {line}" for line in relevant if line.strip())
