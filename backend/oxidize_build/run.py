"""Build an executable if it is not there as it should be, and run it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from oxidize_build import __version__
from oxidize_build.cache import Cache, cache_key, is_sealed
from oxidize_build.errors import BuildFailedError, SettingsError
from oxidize_build.profile.text import profile_path
from oxidize_build.progress import note
from oxidize_build.project_state import project_digest
from oxidize_build.settings import Settings, read_settings
from oxidize_build.settings.suggestions import listed

PATIENCE = 3.0
"""Seconds after which a build says that it is under way."""
TRACED_DIRECTORY = Path("build", "traced")
"""Where in the project traced builds are."""
_KIND = "runs"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be run."""

    project: Path
    """The absolute path of the project's directory."""
    name: str | None
    """Of the executable; None for the only one."""
    target: str | None = None
    """Of those in pyproject.toml; None for the only one."""
    traced: bool = False
    """Whether it is to be a build that tells what it imports and opens."""


def obtain_executable(wanted: Wanted, cache: Cache) -> Path:
    """Return the path of the executable in the project's ``dist``, which is built if that has to be.

    A traced one is in TRACED_DIRECTORY. It does not depend on the profile that it is run for.

    It has not if a build of the same files and settings has made the file that is there. Other versions of
    dependencies on the index are not looked for.

    Raises SettingsError when there is no such executable or not only one, and BuildFailedError, with what the
    build said, when it fails.
    """
    settings = read_settings(wanted.project)
    name = wanted.name or _only_name(settings)
    digest = project_digest(wanted.project, _profiles(settings) if wanted.traced else ())
    parts = (str(wanted.project), name or "", wanted.target or "", digest, str(wanted.traced))
    key = cache_key(*parts, repr(settings), __version__, sys.version, sys.executable)

    def make(made: Path) -> None:
        path = _build(wanted, name)
        made.write_text(json.dumps(_state(path)), encoding="utf-8")

    entry = cache.obtain(_KIND, key, make, _is_current)
    return Path(json.loads(entry.read_text(encoding="utf-8"))["path"])


@dataclass(frozen=True, slots=True)
class Traced:
    """A traced build, and where what its runs see is kept."""

    name: str
    """Of the executable."""
    path: Path
    """Of the traced build."""
    profile: Path
    """Of the profile file."""


def traced_executable(wanted: Wanted, cache: Cache) -> Traced:
    """Return the traced build of what is *wanted*, which is built if that has to be.

    Raises as :func:`obtain_executable` does.
    """
    path = obtain_executable(wanted, cache)
    settings = read_settings(wanted.project)
    name = wanted.name or _only_name(settings) or path.name.removesuffix(f"-{wanted.target}")
    return Traced(name, path, profile_of(settings, name))


def profile_of(settings: Settings, name: str) -> Path:
    """Return the path of the profile file of the executable *name*, whether there is one or not."""
    known = {executable.name: executable for executable in (*settings.executables, *settings.overrides)}
    return profile_path(settings.project, known.get(name, settings.common).profile)


def _profiles(settings: Settings) -> set[Path]:
    """Return the paths of the profile files that the project has, or may have."""
    stated = [executable.profile for executable in (settings.common, *settings.executables)]
    return {profile_path(settings.project, path) for path in stated}


def _only_name(settings: Settings) -> str | None:
    """Return the name of the only executable, None where only the project's wheel knows which there are."""
    names = [executable.name for executable in settings.executables]
    if len(names) > 1:
        raise SettingsError(f"the project defines {listed(names)}", hint="name the one that is to be run")
    return names[0] if names else None


def _state(executable: Path) -> dict[str, str | int]:
    status = executable.stat()
    return {"path": str(executable), "size": status.st_size, "changed": status.st_mtime_ns}


def _is_current(entry: Path) -> bool:
    """Tell whether *entry* of the cache is about an executable that is still there as it was made."""
    if not is_sealed(entry):
        return False
    noted = json.loads(entry.read_text(encoding="utf-8"))
    try:
        return bool(_state(Path(noted["path"])) == noted)
    except OSError:
        return False


def _build(wanted: Wanted, name: str | None) -> Path:
    """Build in a process of its own, which says nothing unless it fails; return the executable's path."""
    command = [sys.executable, "-m", "oxidize_build", "build", "--json", "--project", str(wanted.project)]
    command += ["--target", wanted.target] if wanted.target else []
    command += ["--traced", "--outdir", str(wanted.project / TRACED_DIRECTORY)] if wanted.traced else []
    command += ["--", name] if name else []
    with tempfile.TemporaryFile() as said:
        output = _patiently(command, said, name or wanted.project.name)
    built = json.loads(output)["executables"]
    if len(built) != 1:
        names = [executable["name"] for executable in built]
        raise SettingsError(
            f"the project defines {listed(names)}", hint="name the one that is to be run, and its target"
        )
    return Path(built[0]["path"])


def _patiently(command: Sequence[str], said: BinaryIO, name: str) -> bytes:
    """Run *command* and return what it prints; what it says goes to *said*."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, stdin=subprocess.DEVNULL) as process:
        try:
            try:
                output, _ = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                note(f"building {name} ...")
                output, _ = process.communicate()
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        said.seek(0)
        raise BuildFailedError(said.read().decode(errors="replace").rstrip(), process.returncode)
    return output
