"""From what the user asks for to a build: which source, which compiler, where."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from packaging.version import Version

from oxidize_build.cache import Cache, cache_key
from oxidize_build.digests import file_sha256
from oxidize_build.errors import ArchiveError
from oxidize_build.runtime.build.building import ARCHIVE_SUFFIX, Build
from oxidize_build.runtime.build.plan import Plan, Workshop
from oxidize_build.runtime.build.sources import Component, Sources, find_component, read_components
from oxidize_build.runtime.build.toolchain import find_toolchain

_CACHE_KIND = "runtime-builds"
_CPYTHON = "cpython"
_DIGEST_MARK = "#sha256="


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asks for."""

    version: str
    """``3.14`` for the newest one in the table of sources, or an exact version."""
    libc: str = "host"
    source: str | None = None
    """Path of the source archive, or its URL, with ``#sha256=DIGEST`` for a version not in the table."""
    source_folder: Path | None = None
    """A folder of source archives, of CPython and of the libraries."""
    pgo: bool = False
    lto: bool = False
    free_threaded: bool = False
    jobs: int = 1
    output: Path = Path()
    """The archive to be written, which ends in ``.tar.zst``, or a directory for one of the usual name."""
    work_directory: Path | None = None
    """Where the build's directory is made, and stays; None for one in the cache, which goes at the end."""


def prepare(request: Request, cache: Cache) -> Build:
    """Return the build that *request* means.

    Raises ArchiveError for a version whose source is not known, CompilerError when a compiler is missing,
    and RuntimeBuildError for what cannot be built.
    """
    component, archive = _source(request)
    sources = Sources(request.source_folder, cache)
    toolchain = find_toolchain(request.libc, lto=request.lto, pgo=request.pgo, sources=sources)
    plan = Plan(
        version=component.version,
        toolchain=toolchain,
        pgo=request.pgo,
        lto=request.lto,
        free_threaded=request.free_threaded,
        jobs=request.jobs,
    )
    key = cache_key(toolchain.identity, component.sha256)[:8]
    root = request.work_directory or cache.root / _CACHE_KIND
    output = request.output
    is_archive = output.name.endswith(ARCHIVE_SUFFIX) and not output.is_dir()
    return Build(
        plan=plan,
        component=component,
        source_archive=archive,
        sources=sources,
        workshop=Workshop((root / f"{plan.name}-{key}").absolute()),
        keep_workshop=request.work_directory is not None,
        archive=(output if is_archive else output / f"{plan.name}{ARCHIVE_SUFFIX}").absolute(),
    )


def _source(request: Request) -> tuple[Component, Path | None]:
    """Return CPython's row, as the user's own source changes it, and the archive if the user gives one."""
    if request.source is None:
        return _known(request.version), None
    if "://" in request.source:
        url, mark, digest = request.source.partition(_DIGEST_MARK)
        if not mark:
            return replace(_known(request.version), url=url), None
        return _own(request.version, url, digest), None
    archive = Path(request.source)
    if not archive.is_file():
        raise ArchiveError(f"there is no source archive {archive}", hint="--source names a file or a URL")
    return _own(request.version, archive.absolute().as_uri(), file_sha256(archive)), archive


def _known(version: str) -> Component:
    """Return the row of *version*, or of the newest of it: 3.14.7 for 3.14."""
    versions = [row.version for row in read_components() if row.name == _CPYTHON]
    fitting = [known for known in versions if f"{known}.".startswith(f"{version}.")]
    return find_component(_CPYTHON, max(fitting, key=Version, default=version))


def _own(version: str, url: str, digest: str) -> Component:
    """Return the row of the source that the user gives, of which the table may know no more than others."""
    rows = [row for row in read_components() if row.name == _CPYTHON]
    known = [row for row in rows if digest.lower() in row.accepted]
    if known:
        return known[0]
    newest = max(rows, key=lambda row: Version(row.version))
    return replace(newest, version=version, url=url, sha256=digest.lower(), alternatives=())
