"""The limits of what an executable is built for, and the wheels that keep within them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from oxidize_build.analyze import executable_floor, packed_objects
from oxidize_build.distributions import Libc, release_key
from oxidize_build.errors import TargetError
from oxidize_build.resources import ExtensionModule, Resource, SharedLibrary
from oxidize_build.runtime.model import Runtime
from oxidize_build.verify import VerifyReport

_MANYLINUX = """\
def manylinux_compatible(major, minor, _architecture):
    return False if (major, minor) > {limit} else None
"""
"""The module by which a system tells installers which manylinux wheels it can load (PEP 600)."""

_NO_CTYPES = """\
import sys
sys.modules["ctypes"] = None
"""
"""``sitecustomize`` for a static interpreter. Its ctypes fails in a way that pip does not reckon with."""

_NO_COMPILER = """\
#!/bin/sh
echo 'a fully static executable can load no extension modules' >&2
exit 1
"""
_COMPILER_VARIABLES = ("CC", "CXX", "FC", "RUSTC")
STATIC_HINT = (
    "use releases of them that have a wheel for every platform (py3-none-any), leave the files out by a rule "
    '(kind = ["extension", "library"], include = false) if the packages work without, or use a runtime '
    "for glibc"
)
"""What to do about a package with shared libraries, when the runtime is fully static."""


@contextmanager
def resolving(runtime: Runtime) -> Iterator[Mapping[str, str]]:
    """Give the environment in which pip, run by the interpreter of *runtime*, finds wheels that fit.

    The interpreter's own tags hold, but for wheels that need a newer glibc than ``runtime.glibc_limit``. For
    a fully static runtime nothing can be compiled: packages that can do without their extension modules
    are built so.
    """
    if runtime.glibc_limit is None and not runtime.is_static:
        yield os.environ
        return
    with tempfile.TemporaryDirectory(prefix="oxidize-") as directory:
        environment = dict(os.environ)
        if runtime.glibc_limit is not None:
            limit = release_key(runtime.glibc_limit)
            Path(directory, "_manylinux.py").write_text(_MANYLINUX.format(limit=limit), "utf-8")
        if runtime.is_static:
            Path(directory, "sitecustomize.py").write_text(_NO_CTYPES, "utf-8")
            compiler = Path(directory, "no-compiler")
            compiler.write_text(_NO_COMPILER, "utf-8")
            compiler.chmod(0o755)
            environment |= dict.fromkeys(_COMPILER_VARIABLES, str(compiler))
        before = os.environ.get("PYTHONPATH")
        environment["PYTHONPATH"] = f"{directory}{os.pathsep}{before}" if before else directory
        yield environment


def check_loadable(resources: Iterable[Resource], runtime: Runtime, executable: str) -> None:
    """Raise TargetError, naming the packages, when *resources* hold what *runtime* cannot load.

    A fully static runtime can load neither extension modules nor other shared libraries.
    """
    if not runtime.is_static:
        return
    found: dict[str, list[str]] = {}
    for resource in resources:
        if isinstance(resource, ExtensionModule | SharedLibrary):
            found.setdefault(resource.origin, []).append(resource.path.name)
    if found:
        packages = "".join(
            f"\n  {origin}: {files[0]}{f' and {len(files) - 1} more' if len(files) > 1 else ''}"
            for origin, files in sorted(found.items())
        )
        raise TargetError(
            f"{executable} is to be fully static, since its runtime is for musl, and can load no shared "
            f"libraries, but these packages have some:{packages}",
            hint=STATIC_HINT,
        )


def check_glibc(report: VerifyReport, limit: str | None) -> None:
    """Raise TargetError when the executable of *report* needs a newer glibc than *limit*, if there is one."""
    if limit is None:
        return
    floor = executable_floor(report)
    if floor.libc is not Libc.GLIBC or release_key(floor.version) <= release_key(limit):
        return
    packed = packed_objects(report)
    culprit = f"{packed.floor_of} needs" if packed.floor == floor else "the interpreter needs"
    raise TargetError(
        f"{report.path.name} would need glibc {floor.version}, and the target allows {limit}: {culprit} it",
        hint="use a runtime and wheels that were built for the older version, or raise the target's `glibc`",
    )
