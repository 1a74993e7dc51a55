"""An interpreter that is installed on this machine, as a :class:`Runtime`.

What it was configured with is asked of the interpreter itself, by :mod:`sysconfig`; what of that is
really installed is looked for.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from oxidize_build.errors import RuntimeNotUsableError
from oxidize_build.runtime.model import Runtime

OLDEST = 0x030B0000
"""``sys.hexversion`` of the oldest Python that an executable can be made of."""

Facts: TypeAlias = Mapping[str, Any]
"""What the probe printed: JSON of a fixed form, see ``_host_probe.py``."""

_PROBE = Path(__file__).with_name("_host_probe.py")
_ARCHIVE_MAGIC = b"!<arch>\n"
_TEST_MODULES = ("__hello", "__phello")
"""How the names of the modules begin that CPython freezes for its own tests."""
_PUBLIC_DIRECTORIES = frozenset({"/", "/usr", "/usr/local", "/opt", "/lib", "/usr/lib"})
"""Directories that every machine has: to mention one says nothing about this machine."""


def host_runtime(python: Path | None = None) -> Runtime:
    """Return the runtime that the interpreter *python*, by default the running one, belongs to.

    *python* may be the interpreter of a virtual environment: the runtime is then that of the
    installation which the environment was made from.

    Raises RuntimeNotUsableError when it does not run, is not CPython 3.11 or later, or was installed
    without its static library or its headers.
    """
    python = Path.cwd() / (sys.executable if python is None else python)  # links kept: they lead to a venv
    facts = probe(python)
    check_supported(python, facts)
    return runtime_of(
        python,
        facts,
        libpython=static_library(python, facts),
        include_dirs=header_directories(python, facts),
        link_libraries=link_libraries(facts),
    )


def runtime_of(
    python: Path,
    facts: Facts,
    *,
    libpython: Path,
    include_dirs: tuple[Path, ...],
    link_libraries: tuple[str, ...],
) -> Runtime:
    """Return the runtime of the interpreter *python*, which has told *facts*, with what it is linked with."""
    variables: Facts = facts["variables"]
    stdlib = Path(facts["paths"]["stdlib"])
    dynload = Path(variables.get("DESTSHARED") or stdlib / "lib-dynload")
    frozen = (name for name in facts["frozen_modules"] if not name.startswith(_TEST_MODULES))
    return Runtime(
        version=facts["version"],
        hexversion=facts["hexversion"],
        magic=bytes.fromhex(facts["magic"]),
        cache_tag=facts["cache_tag"],
        soabi=variables["SOABI"],
        platform=facts["platform"],
        python=python,
        stdlib=stdlib,
        dynload=dynload if dynload.is_dir() else stdlib / "lib-dynload",  # it may have been moved
        libpython=libpython,
        include_dirs=include_dirs,
        link_libraries=link_libraries,
        extension_suffixes=tuple(facts["extension_suffixes"]),
        builtin_modules=frozenset(facts["builtin_modules"]),
        frozen_modules=frozenset(frozen),
        tls_roots=tuple(facts["tls_roots"]) if facts["tls_roots"] else None,
        build_paths=_build_paths(facts),
        libc="musl" if "musl" in variables["SOABI"] else "glibc",
        glibc=None,
        glibc_limit=None,
        free_threaded=facts["free_threaded"],
        optimizations=_optimizations(variables),
    )


def _optimizations(variables: Facts) -> tuple[str, ...]:
    """Return what ``configure`` was asked for."""
    words = shlex.split(str(variables.get("CONFIG_ARGS") or ""))
    asked = {word.partition("=")[0] for word in words if not word.endswith("=no")}
    options = {"--enable-optimizations": "pgo", "--with-lto": "lto", "--enable-bolt": "bolt"}
    return tuple(name for option, name in options.items() if option in asked)


def probe(python: Path) -> Facts:
    """Ask the interpreter *python* about itself.

    Raises RuntimeNotUsableError when it does not run.
    """
    # -S leaves out the site packages, and with them a virtual environment's prefix
    command: list[str | Path] = [python, "-I", "-S", "-B", _PROBE]
    try:
        done = subprocess.run(command, capture_output=True, check=True, stdin=subprocess.DEVNULL)
        facts: Facts = json.loads(done.stdout)
    except subprocess.CalledProcessError as error:
        detail = error.stderr.decode(errors="replace").strip()
        raise RuntimeNotUsableError(f"{python} cannot describe itself: {detail[-500:]}") from error
    except (OSError, ValueError) as error:
        raise RuntimeNotUsableError(f"{python} is not a Python interpreter that runs: {error}") from error
    return facts


def check_supported(python: Path, facts: Facts) -> None:
    """Raise RuntimeNotUsableError when executables are not made of *python*, which has told *facts*."""
    if facts["implementation"] != "cpython":
        raise RuntimeNotUsableError(
            f"{python} is {facts['implementation']}, but only CPython can be linked into an executable",
            hint="build with a CPython interpreter",
        )
    if facts["hexversion"] < OLDEST:
        raise RuntimeNotUsableError(
            f"{python} is Python {facts['version']}, but executables are made of 3.11 or later",
            hint="build with a newer interpreter",
        )


def static_library(python: Path, facts: Facts, *, hint: str | None = None) -> Path:
    """Return the static library of the installed interpreter *python*, which has told *facts*.

    Raises RuntimeNotUsableError when it was installed without; *hint* says how to get it.
    """
    variables: Facts = facts["variables"]
    version = ".".join(facts["version"].split(".")[:2])
    name = str(variables.get("LIBRARY") or f"libpython{version}.a")
    looked = list(dict.fromkeys(_library_dirs(facts)))
    for directory in looked:
        candidate = directory / name
        if candidate.is_file() and _is_archive(candidate):
            return candidate
    raise RuntimeNotUsableError(
        f"{python} has no static library: {name} is in none of {', '.join(map(str, looked))}",
        hint=hint
        or (
            f"on Debian and Ubuntu install libpython{version}-dev; pyenv builds one "
            f"(pyenv install {version}); a build from source makes one unless configured "
            "with --without-static-libpython"
        ),
    )


def _library_dirs(facts: Facts) -> Iterator[Path]:
    """Where a static library may be, the likeliest first: ``LIBPL`` is CPython's own place for it."""
    variables: Facts = facts["variables"]
    base = Path(facts["base_prefix"])
    multiarch = variables.get("MULTIARCH")
    for key in ("LIBPL", "LIBDIR"):
        if variables.get(key):
            yield Path(variables[key])
    version = facts["version"].split(".")
    config = f"config-{version[0]}.{version[1]}"
    stdlib = Path(facts["paths"]["stdlib"])
    yield stdlib / (f"{config}-{multiarch}" if multiarch else config)
    if multiarch:
        yield base / "lib" / multiarch
    yield base / "lib64"
    yield base / "lib"


def _is_archive(path: Path) -> bool:
    """Tell a static library from a shared one of its name, and from a thin one, which refers to objects."""
    with path.open("rb") as file:
        return file.read(len(_ARCHIVE_MAGIC)) == _ARCHIVE_MAGIC


def header_directories(python: Path, facts: Facts) -> tuple[Path, ...]:
    """Return the directories of Python.h and pyconfig.h of *python*, which has told *facts*.

    Raises RuntimeNotUsableError when it was installed without.
    """
    version = ".".join(facts["version"].split(".")[:2])
    variables: Facts = facts["variables"]
    named = (facts["paths"].get("include"), facts["paths"].get("platinclude"), variables.get("INCLUDEPY"))
    looked = list(dict.fromkeys(Path(path) for path in named if path))
    looked.append(Path(facts["base_prefix"]) / "include" / f"python{version}")
    for header in ("Python.h", "pyconfig.h"):
        if not any((path / header).is_file() for path in looked):
            raise RuntimeNotUsableError(
                f"{python} has no headers: {header} is in none of {', '.join(map(str, looked))}",
                hint=f"on Debian and Ubuntu install libpython{version}-dev, on Fedora python3-devel",
            )
    return tuple(
        path
        for path in dict.fromkeys(looked)
        if (path / "Python.h").is_file() or (path / "pyconfig.h").is_file()
    )


def link_libraries(facts: Facts) -> tuple[str, ...]:
    """Return NAME of each ``-lNAME`` that the interpreter, which has told *facts*, was linked with.

    ``-l:libNAME.a`` counts as such too.
    """
    variables: Facts = facts["variables"]
    words = shlex.split(" ".join(str(variables.get(key) or "") for key in ("MODLIBS", "LIBS", "SYSLIBS")))
    names = (word[2:] for word in words if word.startswith("-l") and len(word) > 2)
    return tuple(dict.fromkeys(map(library_name, names)))


def library_name(name: str) -> str:
    """Return NAME of what stands after ``-l``: of itself, or of ``:libNAME.a``."""
    return name.removeprefix(":lib").removesuffix(".a") if name.startswith(":lib") else name


def _build_paths(facts: Facts) -> tuple[str, ...]:
    """Collect the directories that the interpreter was built in and installed to, longest first."""
    variables: Facts = facts["variables"]
    keys = ("prefix", "exec_prefix", "installed_base", "installed_platbase", "abs_builddir", "abs_srcdir")
    found = {facts["base_prefix"], *(variables.get(key) for key in keys)}
    absolute = {os.path.normpath(path) for path in found if path and os.path.isabs(path)}  # noqa: PTH117 (texts)
    return tuple(sorted(absolute - _PUBLIC_DIRECTORIES, key=lambda path: (-len(path), path)))
