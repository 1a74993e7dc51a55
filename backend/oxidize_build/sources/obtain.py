"""Obtain all that an executable's sources name: wheels by pip or by a lock, and files of the project."""

from __future__ import annotations

from pathlib import Path

from oxidize_build.cache import Cache
from oxidize_build.resources import DataFile
from oxidize_build.runtime.model import Runtime
from oxidize_build.sources.groups import group_requirements
from oxidize_build.sources.local import local_wheels, placed_files, root_files
from oxidize_build.sources.lock import locked_wheels
from oxidize_build.sources.model import Sources
from oxidize_build.unpacked_wheel import unpack
from oxidize_build.wheels import resolve


def obtain_wheels(project_wheel: Path, sources: Sources, runtime: Runtime, cache: Cache) -> tuple[Path, ...]:
    """Return the project's wheel and all wheels that *sources* ask for, in order of their names.

    The paths are entries of *cache*.

    Raises DependencyError when something cannot be provided, or is not what the lock says, SettingsError when
    the settings name wheels that are not there, and WheelError when a wheel is not sound.
    """
    if sources.lock is not None:
        return locked_wheels(project_wheel, sources, runtime, cache)
    return resolve(
        project_wheel,
        sources.extras,
        runtime,
        cache,
        also=pip_arguments(sources, runtime),
        cwd=sources.project,
    )


def pip_arguments(sources: Sources, runtime: Runtime) -> list[str]:
    """Return what pip is asked for beside the project."""
    arguments = [*sources.dependencies, *group_requirements(sources.project, sources.groups)]
    arguments += [str(wheel) for wheel in local_wheels(sources.project, sources.wheels, runtime)]
    for file in sources.requirements:
        arguments += ["--requirement", str(file)]
    return arguments


def obtain_files(project_wheel: Path, sources: Sources, runtime: Runtime, cache: Cache) -> list[DataFile]:
    """Return the files of the project that are packed as they are, and those of its package roots.

    Raises SettingsError when one does not exist.
    """
    origin = unpack(project_wheel, cache).name
    return [
        *root_files(sources.package_roots, origin, runtime),
        *placed_files(sources.project, sources.files, origin, runtime),
    ]
