"""Obtain exactly the files that a ``pylock.toml`` lists (PEP 751).

https://packaging.python.org/en/latest/specifications/pylock-toml/

What the lock says of a package's place is used if it is a file that exists; else pip looks for the version
in question where it looks for anything, be that an index or a folder, and accepts a file only if it has a
hash of the lock. A wheel that is in the cache already is taken from there, by its hash.
"""

from __future__ import annotations

import hashlib
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from packaging.markers import Environment
from packaging.pylock import (
    Package,
    PackageArchive,
    PackageDirectory,
    PackageSdist,
    PackageVcs,
    PackageWheel,
    Pylock,
    PylockSelectError,
    PylockUnsupportedVersionError,
    PylockValidationError,
)
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename
from packaging.version import Version

from oxidize_build import pip
from oxidize_build.cache import Cache
from oxidize_build.errors import DependencyError
from oxidize_build.runtime.model import Runtime
from oxidize_build.sources.groups import group_requirements
from oxidize_build.sources.local import local_wheels
from oxidize_build.sources.model import Sources
from oxidize_build.sources.tags import runtime_tags
from oxidize_build.unpacked_wheel import metadata, unpack
from oxidize_build.wheels import marker_environment, store, stored_wheel

STRONG = ("sha256", "sha384", "sha512")
"""Hashes that pip checks files by."""
AGAIN = "`oxidize lock` writes the lock anew"

Source = PackageVcs | PackageDirectory | PackageArchive | PackageWheel | PackageSdist


def locked_wheels(project_wheel: Path, sources: Sources, runtime: Runtime, cache: Cache) -> tuple[Path, ...]:
    """Return the project's wheel, the wheels of the lock of *sources* and its local ones, in order of name.

    Packages are chosen as PEP 751 has it, for *runtime* and for the extras and groups of *sources*; of one
    that is given as an sdist, a wheel is built. The paths are entries of *cache*.

    Raises DependencyError when the lock is malformed or does not hold what the project requires, and when a
    file cannot be found or does not have its hash.
    """
    assert sources.lock is not None  # noqa: S101 (for the type checker)
    lock = read_lock(sources.lock)
    project = unpack(project_wheel, cache)
    found: dict[str, Path] = {canonicalize_name(project.name): project_wheel}
    for wheel in local_wheels(sources.project, sources.wheels, runtime):
        found[parse_wheel_filename(wheel.name)[0]] = wheel
    chosen = [
        (package, source)
        for package, source in _select(lock, sources, runtime)
        if package.name not in found and _is_for(package, sources.locked_for)
    ]
    required = _requirements(project_wheel, sources, runtime, cache)
    _check_complete(required, {package.name: package.version for package, _ in chosen}, found, sources.lock)
    known = {
        str(package.name): stored for package, source in chosen if (stored := _known_wheel(source, cache))
    }
    missing = [(package, source) for package, source in chosen if package.name not in known]
    with tempfile.TemporaryDirectory(prefix="oxidize-") as folder:
        obtained = _obtain(missing, sources.lock, project.name, runtime, Path(folder))
        return store(found | known | obtained, cache)


def read_lock(path: Path) -> Pylock:
    """Return the lock in the file *path*. Raises DependencyError when it is none, or cannot be read."""
    try:
        return Pylock.from_dict(tomllib.loads(path.read_text("utf-8")))
    except (OSError, ValueError, PylockValidationError, PylockUnsupportedVersionError) as error:
        raise DependencyError(f"{path.name} is not a lock that can be used: {error}", hint=AGAIN) from error


def _select(lock: Pylock, sources: Sources, runtime: Runtime) -> list[tuple[Package, Source]]:
    try:
        return list(
            lock.select(
                environment=cast("Environment", marker_environment(runtime)),
                tags=runtime_tags(runtime),
                # What a lock does not declare it has no markers for: _check_complete() tells what is missing
                extras=[extra for extra in sources.extras if extra in (lock.extras or ())],
                dependency_groups=[
                    group for group in sources.groups if group in (lock.dependency_groups or ())
                ],
            )
        )
    except PylockSelectError as error:
        name = sources.lock.name if sources.lock else ""
        raise DependencyError(
            f"{name} cannot be used for Python {runtime.version}: {error}", hint=AGAIN
        ) from error


def _is_for(package: Package, executable: str | None) -> bool:
    """Whether the lock has *package* for that executable, as ``lock_writer.py`` notes it."""
    own: Mapping[str, Sequence[str]] = (package.tool or {}).get("oxidize", {})
    return "executables" not in own or executable in own["executables"]


def _requirements(
    project_wheel: Path, sources: Sources, runtime: Runtime, cache: Cache
) -> Iterator[Requirement]:
    """Yield what the project and the settings require for *runtime*."""
    required = metadata(unpack(project_wheel, cache)).get("requires_dist", [])
    environment = marker_environment(runtime)
    for text in [*required, *sources.dependencies, *group_requirements(sources.project, sources.groups)]:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate(environment | {"extra": e}) for e in ("", *sources.extras)):
            yield requirement


def _check_complete(
    required: Iterable[Requirement],
    locked: Mapping[str, Version | None],
    found: Mapping[str, Path],
    lock: Path,
) -> None:
    """Raise DependencyError when the project has come to require what the lock does not hold."""
    for requirement in required:
        name = canonicalize_name(requirement.name)
        if name in found:
            continue
        if name not in locked:
            raise DependencyError(f"{lock.name} does not hold {requirement}, which is required", hint=AGAIN)
        version = locked[name]
        if version is not None and not requirement.specifier.contains(version, prereleases=True):
            raise DependencyError(
                f"{lock.name} holds {name} {version}, but {requirement} is required", hint=AGAIN
            )


def _known_wheel(source: Source, cache: Cache) -> Path | None:
    if not isinstance(source, PackageWheel) or "sha256" not in source.hashes:
        return None
    return stored_wheel(source.filename, source.hashes["sha256"].lower(), cache)


def _obtain(
    chosen: Iterable[tuple[Package, Source]], lock: Path, project: str, runtime: Runtime, folder: Path
) -> dict[str, Path]:
    """Put the wheels of *chosen* into *folder* and return them by name."""
    hashed: list[str] = []
    others: list[str] = []
    for package, source in chosen:
        match source:
            case PackageVcs():
                others.append(_vcs_requirement(package, source, lock))
            case PackageDirectory():
                others.append(str(lock.parent / source.path / (source.subdirectory or "")))
            case _:
                hashed.append(_hashed_requirement(package, source, lock))
    if hashed:
        file = folder / "requirements.txt"
        file.write_text("".join(f"{line}\n" for line in hashed), encoding="utf-8")
        pip.make_wheels(
            ["--no-deps", "--require-hashes", "--requirement", str(file)], project, runtime, folder
        )
    if others:
        pip.make_wheels(["--no-deps", *others], project, runtime, folder, lock.parent)
    wheels: dict[str, Path] = {parse_wheel_filename(wheel.name)[0]: wheel for wheel in folder.glob("*.whl")}
    _check_hashes(chosen, wheels, lock)
    return wheels


def _hashed_requirement(
    package: Package, source: PackageArchive | PackageWheel | PackageSdist, lock: Path
) -> str:
    """Return the line of a requirements file that has pip get *source*, or a file as good, by its hash."""
    file = lock.parent / source.path if source.path else None
    if file is not None and file.is_file():
        return f"{package.name} @ {file.resolve().as_uri()} {_hash_options([source], package, lock)}"
    if isinstance(source, PackageArchive):
        if source.url is None:
            raise DependencyError(f"{lock.name}: {package.name}: there is no file {source.path}", hint=AGAIN)
        return f"{package.name} @ {source.url} {_hash_options([source], package, lock)}"
    same = list(package.wheels or []) if isinstance(source, PackageWheel) else [source]
    version = package.version or _version(source)
    return f"{package.name}=={version} {_hash_options(same, package, lock)}"


def _version(source: PackageWheel | PackageSdist) -> Version:
    parse = parse_wheel_filename if isinstance(source, PackageWheel) else parse_sdist_filename
    return parse(source.filename)[1]


def _hash_options(
    files: Iterable[PackageArchive | PackageWheel | PackageSdist], package: Package, lock: Path
) -> str:
    known = {
        f"--hash={name}:{value.lower()}"
        for file in files
        for name, value in file.hashes.items()
        if name in STRONG
    }
    if not known:
        raise DependencyError(
            f"{lock.name}: {package.name} has no hash of the kinds {', '.join(STRONG)}", hint=AGAIN
        )
    return " ".join(sorted(known))


def _vcs_requirement(package: Package, source: PackageVcs, lock: Path) -> str:
    place = source.url or (lock.parent / (source.path or "")).resolve().as_uri()
    below = f"#subdirectory={source.subdirectory}" if source.subdirectory else ""
    return f"{package.name} @ {source.type}+{place}@{source.commit_id}{below}"


def _check_hashes(chosen: Iterable[tuple[Package, Source]], wheels: Mapping[str, Path], lock: Path) -> None:
    """Raise DependencyError for a wheel that is not one of the lock's, whatever pip has found."""
    for package, source in chosen:
        if not isinstance(source, PackageWheel):
            continue
        data = wheels[package.name].read_bytes()
        listed = {
            (name, value.lower()) for wheel in package.wheels or () for name, value in wheel.hashes.items()
        }
        if not any((name, hashlib.new(name, data).hexdigest()) in listed for name in STRONG):
            raise DependencyError(
                f"{wheels[package.name].name} has no hash that {lock.name} lists", hint=AGAIN
            )
