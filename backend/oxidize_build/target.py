"""The limits of what an executable is built for, and the wheels that keep within them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from oxidize_build.analyze import executable_floor, packed_objects
from oxidize_build.distributions import Libc, release_key
from oxidize_build.errors import TargetError
from oxidize_build.runtime.model import Runtime
from oxidize_build.verify import VerifyReport

_MANYLINUX = """\
def manylinux_compatible(major, minor, _architecture):
    return False if (major, minor) > {limit} else None
"""
"""The module by which a system tells installers which manylinux wheels it can load (PEP 600)."""


@contextmanager
def resolving(runtime: Runtime) -> Iterator[Mapping[str, str]]:
    """Give the environment in which pip, run by the interpreter of *runtime*, finds wheels that fit.

    The interpreter's own tags hold, but for wheels that need a newer glibc than ``runtime.glibc_limit``.
    """
    if runtime.glibc_limit is None:
        yield os.environ
        return
    with tempfile.TemporaryDirectory(prefix="oxidize-") as directory:
        limit = release_key(runtime.glibc_limit)
        Path(directory, "_manylinux.py").write_text(_MANYLINUX.format(limit=limit), "utf-8")
        before = os.environ.get("PYTHONPATH")
        yield {**os.environ, "PYTHONPATH": f"{directory}{os.pathsep}{before}" if before else directory}


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
