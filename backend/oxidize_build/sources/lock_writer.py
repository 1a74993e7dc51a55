"""Write a ``pylock.toml`` (PEP 751) of what the executables of a project are made of.

pip resolves, once for all executables together, so that they agree on versions; then once for each of those
that are made of different things, held to these versions, so that the lock can note which package is for
which one.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import tomlkit
from packaging.markers import Marker
from packaging.pylock import (
    Package,
    PackageArchive,
    PackageDirectory,
    PackageSdist,
    PackageVcs,
    PackageWheel,
    Pylock,
)
from packaging.utils import NormalizedName, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from oxidize_build import pip
from oxidize_build.errors import OutputError
from oxidize_build.runtime.model import Runtime
from oxidize_build.sources.local import local_wheels
from oxidize_build.sources.model import Sources
from oxidize_build.sources.obtain import pip_arguments
from oxidize_build.wheels import marker_environment, requirement_of

CREATOR = "oxidize-build"
LOCK_VERSION = Version("1.0")


@dataclass(frozen=True, slots=True)
class _Resolved:
    """A distribution that pip has chosen: an item of its report."""

    name: NormalizedName
    version: Version
    download: Mapping[str, Any]
    """``download_info``: a direct URL record (PEP 610)."""


def make_lock(
    project_wheel: Path, name: str, sources: Mapping[str, Sources], runtime: Runtime, path: Path
) -> Pylock:
    """Return the lock of the executables' *sources* for *runtime* and this platform, to be put at *path*.

    *name* is the project's, which the lock does not hold.

    Raises DependencyError when the requirements cannot be met.
    """
    distinct: dict[Sources, list[str]] = {}
    for executable, own in sources.items():
        distinct.setdefault(_without_lock(own), []).append(executable)
    together = _resolve(project_wheel, name, list(distinct), runtime, [])
    users: dict[str, list[str]] = {}
    for own, executables in distinct.items():
        chosen = _resolve(project_wheel, name, [own], runtime, together) if len(distinct) > 1 else together
        for resolved in chosen:
            users.setdefault(resolved.name, []).extend(executables)
    packages = [
        _package(resolved, None if len(users[resolved.name]) == len(sources) else users[resolved.name], path)
        for resolved in sorted(together, key=lambda resolved: resolved.name)
        if resolved.name in users
    ]
    return Pylock(
        lock_version=LOCK_VERSION,
        environments=[_environment(runtime)],
        created_by=CREATOR,
        packages=packages,
    )


def write_lock(lock: Pylock, path: Path) -> None:
    """Write *lock* to the file *path*, at once. Raises OutputError when that cannot be done."""
    text = tomlkit.dumps(lock.to_dict())
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def _without_lock(sources: Sources) -> Sources:
    """Return *sources* as they are without a lock: this is about to be made."""
    return replace(sources, lock=None, locked_for=None, package_roots=(), files=())


def _environment(runtime: Runtime) -> Marker:
    """Return the marker of the environments that the lock is for."""
    environment = marker_environment(runtime)
    names = ("python_version", "sys_platform", "platform_machine")
    return Marker(" and ".join(f"{name} == {environment[name]!r}" for name in names))


def _resolve(
    project_wheel: Path,
    name: str,
    several: Sequence[Sources],
    runtime: Runtime,
    constraints: Iterable[_Resolved],
) -> list[_Resolved]:
    """Return what pip chooses for *several* sources together, but for the project and local wheels."""
    extras = sorted({extra for sources in several for extra in sources.extras})
    arguments = [requirement_of(project_wheel, name, extras)]
    for sources in several:
        arguments += pip_arguments(sources, runtime)
    with tempfile.TemporaryDirectory(prefix="oxidize-") as folder:
        report = Path(folder, "report.json")
        held = Path(folder, "constraints.txt")
        held.write_text("".join(f"{item.name}=={item.version}\n" for item in constraints), encoding="utf-8")
        options = ["--dry-run", "--ignore-installed", f"--report={report}", f"--constraint={held}"]
        pip.run_pip(["install", *options, *arguments], name, runtime, several[0].project)
        items = json.loads(report.read_bytes())["install"]
    own = {canonicalize_name(name)}
    for sources in several:
        own |= {
            parse_wheel_filename(w.name)[0] for w in local_wheels(sources.project, sources.wheels, runtime)
        }
    found = [
        _Resolved(
            canonicalize_name(item["metadata"]["name"]),
            Version(item["metadata"]["version"]),
            item["download_info"],
        )
        for item in items
    ]
    return [resolved for resolved in found if resolved.name not in own]


def _package(resolved: _Resolved, executables: Sequence[str] | None, lock: Path) -> Package:
    """Return the lock's entry; *executables* are those that it is for, None: all of them."""
    download = resolved.download
    source: dict[str, Any] = {}
    below = download.get("subdirectory")
    if "vcs_info" in download:
        info = download["vcs_info"]
        source["vcs"] = PackageVcs(
            type=info["vcs"],
            url=download["url"],
            requested_revision=info.get("requested_revision"),
            commit_id=info["commit_id"],
            subdirectory=below,
        )
    elif "dir_info" in download:
        source["directory"] = PackageDirectory(path=_relative(download["url"], lock), subdirectory=below)
    else:
        place = _place(download["url"], lock)
        file = unquote(PurePosixPath(urlsplit(download["url"]).path).name)
        hashes = dict(sorted(download["archive_info"]["hashes"].items()))
        if file.endswith(".whl"):
            source["wheels"] = [PackageWheel(name=file, hashes=hashes, **place)]
        elif below is None:
            source["sdist"] = PackageSdist(name=file, hashes=hashes, **place)
        else:
            source["archive"] = PackageArchive(hashes=hashes, subdirectory=below, **place)
    tool = None if executables is None else {"oxidize": {"executables": sorted(executables)}}
    return Package(name=resolved.name, version=resolved.version, tool=tool, **source)


def _place(url: str, lock: Path) -> dict[str, Any]:
    """Return the key and value that say where a file is."""
    return {"path": _relative(url, lock)} if url.startswith("file:") else {"url": url}


def _relative(url: str, lock: Path) -> str:
    """Return the path of a ``file:`` URL from the directory of the lock."""
    return Path(os.path.relpath(unquote(urlsplit(url).path), lock.parent)).as_posix()
