"""The installed tree, made such that it works wherever it is put and names no building machine."""

from __future__ import annotations

import os
import pprint
import runpy
import shlex
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from oxidize_build.errors import RuntimeBuildError
from oxidize_build.runtime.build.cpython import LIBRARY_FLAGS, PREFIX
from oxidize_build.runtime.build.packing import BYTECODE_FOLDER
from oxidize_build.runtime.build.plan import Plan, Workshop

_NEUTRAL_ROOT = "/build"
_UNWANTED = (
    "bin/idle3*",
    "bin/pydoc3*",  # their first lines name the interpreter by its absolute path
    "lib/python3*/config-*/install-sh",
    "lib/python3*/config-*/libpython3*.a",  # it is in lib
    "lib/python3*/config-*/python.o",
    "lib/python3*/idlelib",
    "lib/python3*/tkinter",
    "lib/python3*/turtle*",
    "share",
)
_RELOCATED = """\

import sys as _sys

build_time_vars = {
    name: value.replace(%(prefix)r, _sys.base_prefix)
    if isinstance(value, str) and name not in %(kept)r
    else value
    for name, value in build_time_vars.items()
}
"""
"""Ends the module of configuration variables: paths below the prefix follow the installation."""
_TELLING = ("prefix", "exec_prefix")
"""By these sysconfig tells, from CPython 3.14 on, that an installation is relocated, and for nothing else."""

Rewrite = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class _Replacements:
    """What text of the build machine is replaced by, in order."""

    pairs: tuple[tuple[str, str], ...]

    def apply(self, text: str) -> str:
        for old, new in self.pairs:
            text = text.replace(old, new)
        return text


def neutralise(install: Path, plan: Plan, workshop: Workshop) -> None:
    """Clean *install*, what ``make install`` has made of *plan* in *workshop*.

    Taken out are bytecode, programs with absolute paths in their first lines, and what needs tkinter.
    Files about the build name generic tools and directories of no machine.

    Raises RuntimeBuildError when a file still names the workshop.
    """
    _remove_unwanted(install)
    stdlib = install / "lib" / plan.program
    (stdlib / "lib-dynload").mkdir(exist_ok=True)  # getpath looks for it
    (stdlib / "lib-dynload" / ".empty").touch()
    rewrite = _replacements(plan, workshop).apply
    for path in stdlib.glob("_sysconfigdata_*.py"):
        _rewrite_variables(path, rewrite, _TELLING if plan.minor >= (3, 14) else ())
    texts = [*stdlib.glob("config-*/Makefile"), *install.glob("bin/python3*-config")]
    texts += [*install.glob("lib/pkgconfig/*.pc"), *stdlib.glob("_sysconfig_vars_*.json")]
    for path in texts:
        if not path.is_symlink():
            path.write_text(rewrite(path.read_text("utf-8")), "utf-8")
    for path in install.glob("lib/pkgconfig/*.pc"):
        _replace(path, f"prefix={PREFIX}\n", "prefix=${pcfiledir}/../..\n")
    for path in stdlib.glob("build-details.json"):  # relative paths, as PEP 739 allows
        _replace(path, f'"{PREFIX}/', '"')
        _replace(path, f'"{PREFIX}"', '"../.."')
    _check_neutral(install, plan, workshop)


def _replacements(plan: Plan, workshop: Workshop) -> _Replacements:
    """Return what stands for the tools, flags and directories of this machine."""
    tools = plan.toolchain
    pairs = [
        (shlex.join(tools.cxx), "c++"),
        (shlex.join(tools.cc), "cc"),
        (str(tools.ar), "ar"),
        (str(tools.ranlib), "ranlib"),
        *((shlex.join(flags), "") for flags in (tools.cflags, tools.ldflags) if flags),
        *((flag, "") for flag in LIBRARY_FLAGS),
        (str(workshop.root), _NEUTRAL_ROOT),
    ]
    return _Replacements(tuple(pairs))


def _remove_unwanted(install: Path) -> None:
    caches = [*install.rglob(BYTECODE_FOLDER)]
    for path in [*caches, *(path for pattern in _UNWANTED for path in install.glob(pattern))]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _replace(path: Path, old: str, new: str) -> None:
    if not path.is_symlink():
        path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")


def _rewrite_variables(module: Path, rewrite: Rewrite, kept: tuple[str, ...]) -> None:
    """Rewrite the values in sysconfig's module, and let all but those of *kept* follow the installation."""
    variables = _rewritten(runpy.run_path(str(module))["build_time_vars"], rewrite)
    text = pprint.pformat(variables, width=1000)
    module.write_text(
        "# configuration variables, read by sysconfig\n"
        f"build_time_vars = {text}\n{_RELOCATED % {'prefix': PREFIX, 'kept': kept}}",
        "utf-8",
    )


def _rewritten(variables: dict[str, str | int], rewrite: Rewrite) -> dict[str, str | int]:
    return {name: rewrite(value) if isinstance(value, str) else value for name, value in variables.items()}


def _check_neutral(install: Path, plan: Plan, workshop: Workshop) -> None:
    private = [os.fsencode(path) for path in (workshop.root, plan.toolchain.sysroot) if path is not None]
    for path in _files(install):
        content = path.read_bytes()
        for directory in private:
            if directory in content:
                name = path.relative_to(install)
                raise RuntimeBuildError(
                    f"{name} of the runtime names {os.fsdecode(directory)}, of this machine"
                )


def _files(tree: Path) -> Iterable[Path]:
    return sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
