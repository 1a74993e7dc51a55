"""The record of what an executable is made of, as the settings have it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from oxidize_build.settings import Executable
from oxidize_build.settings.model import PlacedFiles


@dataclass(frozen=True, slots=True)
class Sources:
    """What an executable is made of. Equal ones give the same files, which are then obtained once."""

    project: Path
    """Directory of pyproject.toml, to which paths and patterns are relative."""
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    requirements: tuple[Path, ...] = ()
    lock: Path | None = None
    locked_for: str | None = None
    """Name of the executable, where the lock may say which packages are for which one."""
    wheels: tuple[str, ...] = ()
    package_roots: tuple[Path, ...] = ()
    files: tuple[PlacedFiles, ...] = ()

    @classmethod
    def of(cls, project: Path, executable: Executable) -> Sources:
        """Return the sources of an *executable* of the *project*."""
        return cls(
            project,
            extras=executable.extras,
            groups=executable.groups,
            dependencies=executable.dependencies,
            requirements=executable.requirements,
            lock=executable.lock,
            locked_for=executable.name if _is_by_executable(executable.lock) else None,
            wheels=executable.wheels,
            package_roots=executable.package_roots,
            files=executable.files,
        )


def _is_by_executable(lock: Path | None) -> bool:
    """Whether *lock* may say of a package for which executables it is."""
    return lock is not None and lock.is_file() and b"executables" in lock.read_bytes()
