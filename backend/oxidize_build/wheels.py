"""Obtain the wheels of a project, by pip, and keep them in the cache."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

from installer.utils import canonicalize_name, parse_wheel_filename
from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from oxidize_build import pip
from oxidize_build.cache import Cache, cache_key
from oxidize_build.digests import file_sha256
from oxidize_build.errors import DependencyError, WheelError
from oxidize_build.resolutions import REQUIRES, Question, answer
from oxidize_build.unpacked_wheel import UnpackedWheel, metadata, unpack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oxidize_build.runtime.model import Runtime


def resolve(
    project_wheel: Path,
    extras: Sequence[str],
    runtime: Runtime,
    cache: Cache,
    *,
    also: Sequence[str] = (),
    cwd: Path | None = None,
) -> tuple[Path, ...]:
    """Return the project's wheel and the wheels of all its dependencies, in order of their names.

    *also* are more arguments for pip: requirements, wheels, files of requirements. Relative paths in these
    begin at *cwd*.

    pip resolves what the wheel's own metadata asks for with the given *extras*, and builds wheels
    of sdists; its configuration files, environment variables and caches count as in any other
    run of it. The paths are entries of *cache*. pip does not run where nothing is required, nor where it has
    answered the same question a short while ago (:mod:`~oxidize_build.resolutions`).

    Raises DependencyError when an extra does not exist, a requirement is malformed, cannot be met
    or cannot be built, and WheelError when the project's wheel is not sound.
    """
    project = unpack(project_wheel, cache)
    own = {canonicalize_name(project.name): project_wheel}

    def ask() -> Mapping[str, Path]:
        with tempfile.TemporaryDirectory(prefix="oxidize-") as folder:
            requirement = requirement_of(project_wheel, project.name, extras)
            pip.make_wheels([requirement, *also], project.name, runtime, Path(folder), cwd)
            names = {
                canonicalize_name(parse_wheel_filename(wheel.name).distribution): wheel
                for wheel in Path(folder).glob("*.whl")
            }
            return store_by_name({name: wheel for name, wheel in names.items() if name not in own}, cache)

    found: Mapping[str, Path] = {}
    if _requires_anything(project, extras, runtime) or also:
        asked = Question(
            _identity(project, extras), also, "Dependencies", _identity_of(runtime), cwd or Path.cwd()
        )
        found = answer(asked, cache, ask)
    return tuple(wheel for _, wheel in sorted({**found, **store_by_name(own, cache)}.items()))


def requirement_of(project_wheel: Path, name: str, extras: Sequence[str]) -> str:
    """Return the requirement for the project's own wheel, with its hash: others may have to have one too."""
    wanted = f"[{','.join(sorted(extras))}]" if extras else ""
    return f"{name}{wanted} @ {project_wheel.resolve().as_uri()}#sha256={file_sha256(project_wheel)}"


def store(wheels: Mapping[str, Path], cache: Cache) -> tuple[Path, ...]:
    """Return copies of *wheels* in the cache, in order of their distributions' names."""
    return tuple(store_by_name(wheels, cache).values())


def store_by_name(wheels: Mapping[str, Path], cache: Cache) -> dict[str, Path]:
    """Return copies of *wheels* in the cache, by name and in order of that."""
    return {name: _store(wheels[name], cache) for name in sorted(wheels)}


def marker_environment(runtime: Runtime) -> dict[str, str]:
    """Return what environment markers are evaluated in for *runtime* (PEP 508), without ``extra``."""
    return {
        **cast("dict[str, str]", default_environment()),
        "python_version": runtime.short_version,
        "python_full_version": runtime.version,
        "implementation_version": runtime.version,
    }


def _check_requires_python(project: UnpackedWheel, required: str, runtime: Runtime) -> None:
    """Raise DependencyError when *project* does not support the runtime (Requires-Python)."""
    try:
        supported = SpecifierSet(required).contains(runtime.version, prereleases=True)
    except InvalidSpecifier:
        raise WheelError(f"{project.name}: {required!r} is no specifier of Python versions") from None
    if not supported:
        raise DependencyError(
            f"{project.name} requires Python {required}, and executables are made of {runtime.version} here",
            hint="run the build with another interpreter",
        )


def _requires_anything(project: UnpackedWheel, extras: Sequence[str], runtime: Runtime) -> bool:
    """Whether a Requires-Dist of *project* applies to the runtime with one of *extras* (PEP 508)."""
    fields = metadata(project)
    _check_requires_python(project, fields.get("requires_python", ""), runtime)
    _check_extras(project.name, extras, fields.get("provides_extra", []))
    environment = marker_environment(runtime)
    for text in fields.get("requires_dist", []):
        try:
            marker = Requirement(text).marker
        except InvalidRequirement as error:
            raise DependencyError(
                f"{project.name} requires {text!r}, which is not a valid requirement: {error}",
                hint="correct it in the project's dependencies (PEP 508)",
            ) from error
        if marker is None or any(marker.evaluate(environment | {"extra": e}) for e in ("", *extras)):
            return True
    return False


def _identity(project: UnpackedWheel, extras: Sequence[str]) -> list[str]:
    """Return what of *project* decides which distributions go with it."""
    fields = metadata(project)
    required = [f"{REQUIRES}{text}" for text in fields.get("requires_dist", [])]
    return [project.name, project.version, fields.get("requires_python", ""), *sorted(extras), *required]


def _identity_of(runtime: Runtime) -> list[str]:
    """Return what of *runtime* decides which wheels fit it."""
    facts = (runtime.version, runtime.soabi, runtime.platform, runtime.libc, str(runtime.glibc_limit))
    return [str(runtime.python), *facts]


def _check_extras(project: str, extras: Sequence[str], provided: Sequence[str]) -> None:
    known = {canonicalize_name(extra) for extra in provided}
    unknown = [extra for extra in extras if canonicalize_name(extra) not in known]
    if unknown:
        raise DependencyError(
            f"{project} has no extra named {', '.join(map(repr, unknown))}",
            hint=f"its extras are: {', '.join(sorted(provided))}" if provided else "it has no extras",
        )


def _store(wheel: Path, cache: Cache) -> Path:
    """Return a copy of *wheel* in the cache, under its own file name."""
    digest = file_sha256(wheel)

    def make(entry: Path) -> None:
        entry.mkdir()
        (entry / wheel.name).write_bytes(wheel.read_bytes())

    def is_sound(entry: Path) -> bool:
        copy = entry / wheel.name
        return copy.is_file() and file_sha256(copy) == digest

    return cache.obtain("wheels", cache_key(wheel.name, digest), make, is_sound) / wheel.name


def stored_wheel(name: str, sha256: str, cache: Cache) -> Path | None:
    """Return the wheel of that file name and digest, in hexadecimal, if the cache has it undamaged."""
    wheel = cache.path("wheels", cache_key(name, sha256)) / name
    return wheel if wheel.is_file() and file_sha256(wheel) == sha256 else None
