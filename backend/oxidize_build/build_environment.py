"""Environments in which projects' wheels are built, kept: to make one takes longer than all else in a build.

One is known by the wheels that are installed in it, so that the same requirements in newer versions give
another. Which these are pip says, or has said a short while ago (:mod:`~oxidize_build.resolutions`).
"""

from __future__ import annotations

import os
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from build.env import DefaultIsolatedEnv
from packaging.utils import parse_wheel_filename

from oxidize_build import pip
from oxidize_build.cache import Cache, cache_key
from oxidize_build.resolutions import REQUIRES, Question, Wheels, answer

KIND = "environments"
"""Kind of cache entry: a virtual environment."""
_COMPLETE = "complete"
_SCRIPTS = "bin"


@dataclass(frozen=True, slots=True)
class BuildEnvironment:
    """An environment in which a build backend can run."""

    python: str
    """Its interpreter."""
    variables: Mapping[str, str]
    """What the environment of processes in it has of its own."""


def kept_environment(requirements: Sequence[str], cache: Cache) -> BuildEnvironment | None:
    """Return the environment that has *requirements*, and what these require, made if it is not there.

    Return None if none can be kept, as the requirements do not tell what is installed for them.

    Raises DependencyError when they cannot be provided.
    """
    asked = Question(
        [f"{REQUIRES}{requirement}" for requirement in sorted(requirements)],
        (),
        "Requirements of the build",
        (str(sysconfig.get_config_var("SOABI")), sysconfig.get_platform(), sys.prefix),
        Path.cwd(),
    )
    if not asked.is_plain:
        return None
    wheels = answer(asked, cache, lambda: _make_wheels(requirements, cache))
    key = cache_key(sys.version, sys.executable, *(wheels[name].parent.name for name in sorted(wheels)))
    entry = cache.path(KIND, key)
    cache.obtain(
        KIND, key, lambda made: _make(made, entry, wheels), lambda path: (path / _COMPLETE).is_file()
    )
    return BuildEnvironment(str(entry / _SCRIPTS / "python"), _variables(entry))


def _variables(entry: Path) -> dict[str, str]:
    path = os.environ.get("PATH")
    return {"PATH": os.pathsep.join(filter(None, [str(entry / _SCRIPTS), path])), "PYTHONPATH": ""}


def _make_wheels(requirements: Sequence[str], cache: Cache) -> Wheels:
    from oxidize_build.wheels import store_by_name  # noqa: PLC0415 - it imports what only executables need

    with tempfile.TemporaryDirectory(prefix="oxidize-") as folder:
        pip.make_wheels_here(requirements, "the build", Path(folder))
        wheels = {parse_wheel_filename(wheel.name)[0]: wheel for wheel in Path(folder).glob("*.whl")}
        return store_by_name({str(name): wheel for name, wheel in wheels.items()}, cache)


def _make(made: Path, entry: Path, wheels: Wheels) -> None:
    """Make the environment *made*, which is going to be moved to *entry*."""
    environment = DefaultIsolatedEnv(path=os.fspath(made))
    environment.__enter__()  # leaving it would remove it
    environment.install([f"{name} @ {wheel.as_uri()}" for name, wheel in sorted(wheels.items())])
    before, after = (os.fsencode(os.path.realpath(path)) for path in (made, entry))
    for script in (made / _SCRIPTS).iterdir():
        if script.is_file() and not script.is_symlink():
            script.write_bytes(script.read_bytes().replace(before, after))
    with (made / _COMPLETE).open("w") as file:
        os.fsync(file.fileno())
