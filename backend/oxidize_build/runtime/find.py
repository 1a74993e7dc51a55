"""From what the settings ask for to a :class:`Runtime`."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from packaging.version import Version

from oxidize_build.cache import Cache
from oxidize_build.errors import RuntimeNotUsableError
from oxidize_build.runtime.fetch import download
from oxidize_build.runtime.host import host_runtime
from oxidize_build.runtime.model import Runtime
from oxidize_build.runtime.standalone import standalone_runtime
from oxidize_build.runtime.store import RuntimeStore, Stored, archive_stem
from oxidize_build.settings.model import RuntimeArchive, RuntimePath, WantedRuntime

_VERSION = re.compile(r"(?P<version>3\.\d+(?:\.\d+)?(?:(?:a|b|rc)\d+)?)(?P<free_threaded>t?)")


def find_runtime(
    wanted: WantedRuntime, cache: Cache, *, triple: str | None = None, glibc: str | None = None
) -> Runtime:
    """Return the runtime that *wanted* means.

    If *triple* is given it must be for that platform, and if *glibc* is given it may need no newer one.
    ``"host"`` is the interpreter that runs the build. A version is looked for among the runtimes at hand
    (:mod:`~oxidize_build.runtime.store`): of several the newest is taken, then the most optimised one, then
    the one for the oldest glibc. A path is that of an interpreter, an installation, or an archive or its
    content. An archive by URL is downloaded once.

    Raises RuntimeNotUsableError when there is none, or it cannot be used, and DownloadError and ArchiveError
    for archives that cannot be had or are damaged.
    """
    runtime = _find(wanted, cache, triple, glibc)
    _check_platform(runtime, triple, glibc)
    return replace(runtime, glibc_limit=glibc)


def _find(wanted: WantedRuntime, cache: Cache, triple: str | None, glibc: str | None) -> Runtime:
    match wanted:
        case RuntimePath(path=path):
            return _at(path, cache)
        case RuntimeArchive(url=url, sha256=sha256):
            return RuntimeStore(cache).open(download(url, sha256, cache))
        case "host":
            return host_runtime()
        case _:
            return choose(wanted, RuntimeStore(cache), triple=triple, glibc=glibc)


def _check_platform(runtime: Runtime, triple: str | None, glibc: str | None) -> None:
    if triple not in {None, runtime.triple}:
        raise RuntimeNotUsableError(
            f"Python {runtime.version} in {runtime.stdlib} is for {runtime.triple}, not for {triple}",
            hint="name a runtime for that platform, or leave out `triple`",
        )
    if not _fits(runtime, glibc):
        raise RuntimeNotUsableError(
            f"Python {runtime.version} in {runtime.stdlib} needs glibc {runtime.glibc}, "
            f"and the target allows {glibc}",
            hint="name a runtime that was built for the older version, or raise the target's `glibc`",
        )


def _fits(runtime: Runtime, glibc: str | None) -> bool:
    """Whether *runtime* needs no newer glibc than *glibc*, as far as it tells."""
    return None in {glibc, runtime.glibc} or Version(str(runtime.glibc)) <= Version(str(glibc))


def choose(
    wanted: str, store: RuntimeStore, *, triple: str | None = None, glibc: str | None = None
) -> Runtime:
    """Return the best runtime in *store* of the version *wanted*, as ``3.14``, ``3.14.7`` or ``3.14t``.

    *triple* and *glibc* are as for :func:`find_runtime`.

    Raises RuntimeNotUsableError, which tells how to get one, when there is none.
    """
    match = _VERSION.fullmatch(wanted)
    if match is None:
        raise RuntimeNotUsableError(
            f"{wanted!r} is no version of a runtime", hint="versions are written as 3.14, 3.14.7 or 3.14t"
        )
    known = list(store.runtimes())
    fitting = [
        (stored, runtime)
        for stored, runtime in known
        if f"{runtime.version}.".startswith(f"{match['version']}.")
        and runtime.free_threaded == bool(match["free_threaded"])
        and triple in {None, runtime.triple}
        and _fits(runtime, glibc)
    ]
    if fitting:
        return max(fitting, key=lambda pair: _rank(*pair))[1]
    tag = f"cp{match['version'].replace('.', '', 1).partition('.')[0]}{match['free_threaded']}"
    at_hand = ", ".join(stored.name for stored, _ in known) or "none"
    platform = f" for {triple}" if triple else ""
    libc = f" with glibc {glibc} or older" if glibc else ""
    raise RuntimeNotUsableError(
        f"there is no runtime of Python {wanted}{platform}{libc}; at hand: {at_hand}",
        hint=f"install oxidize-runtime-{tag} (for isolated builds name it in build-system.requires), "
        f"get one by `oxidize runtime fetch URL --sha256 HASH`, "
        f"or make one by `oxidize runtime build {wanted}`",
    )


def _rank(stored: Stored, runtime: Runtime) -> tuple[object, ...]:
    optimised = len({"pgo", "lto", "bolt"} & set(runtime.optimizations))
    floor = Version(runtime.glibc or "0")
    return (
        Version(runtime.version),
        "debug" not in runtime.optimizations,
        optimised,
        runtime.libc == "glibc",
        tuple(-part for part in floor.release),
        stored.name,
    )


def _at(path: Path, cache: Cache) -> Runtime:
    if not path.exists():
        raise RuntimeNotUsableError(f"there is no runtime at {path}: no such file or directory")
    if path.is_dir():
        return standalone_runtime(path)
    if archive_stem(path.name) is not None:
        return RuntimeStore(cache).open(path)
    return host_runtime(path)
