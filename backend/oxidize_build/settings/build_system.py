"""``[build-system]``: which backend builds a project, and what it needs.

https://packaging.python.org/en/latest/specifications/pyproject-toml/#declaring-build-system-dependencies-the-build-system-table
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from oxidize_build.errors import SettingsError
from oxidize_build.settings.faults import Faults
from oxidize_build.settings.table import Table
from oxidize_build.settings.texts import OWN_BACKEND, OWN_BACKENDS

__all__ = ["OWN_BACKEND", "OWN_BACKENDS", "BuildSystem", "load_pyproject", "read_build_system"]


@dataclass(frozen=True, slots=True)
class BuildSystem:
    """The table, with the defaults that the specification gives to a project without one."""

    requires: tuple[str, ...] = ("setuptools",)
    """Requirements to be installed before the backend is imported."""
    backend: str = "setuptools.build_meta:__legacy__"
    """``module`` or ``module:object``."""
    backend_path: tuple[str, ...] = ()
    """Directories of the project in which the backend is found."""

    @property
    def is_own(self) -> bool:
        """Whether this is the backend."""
        return self.backend in OWN_BACKENDS


def read_build_system(project: Path) -> BuildSystem:
    """Return the table of pyproject.toml in the directory *project*.

    :raises SettingsError: when the file cannot be read, or for the faults of the table.
    """
    text, pyproject = load_pyproject(project)
    faults = Faults("pyproject.toml", text)
    root = Table(pyproject, (), faults)
    if "build-system" not in root:
        return BuildSystem()
    table = root.table("build-system")
    system = BuildSystem(
        requires=table.texts("requires"),
        backend=table.text("build-backend") or BuildSystem().backend,
        backend_path=table.texts("backend-path"),
    )
    faults.raise_if_any()
    return system


def load_pyproject(project: Path) -> tuple[str, dict[str, object]]:
    """Return pyproject.toml in the directory *project*: its text, and that parsed.

    :raises SettingsError: when it does not exist, cannot be read or is not TOML.
    """
    path = project / "pyproject.toml"
    try:
        text = path.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except FileNotFoundError:
        raise SettingsError(
            f"there is no pyproject.toml in {project}",
            hint="name the directory that has one, with --project or as the front end takes it",
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
