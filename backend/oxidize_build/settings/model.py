"""The settings as dataclasses: one field per key, its docstring the key's documentation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

DEFAULT_WHEEL_BACKEND = "setuptools.build_meta"


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """Call an object, as an installed script does: ``package.module:function``."""

    module: str
    attribute: str
    """Dotted path below the module."""


@dataclass(frozen=True, slots=True)
class Module:
    """Run a module or package as ``python -m`` does."""

    name: str


@dataclass(frozen=True, slots=True)
class Command:
    """Run Python code as ``python -c`` does."""

    code: str


@dataclass(frozen=True, slots=True)
class Script:
    """Run a file of the project as ``python FILE`` does."""

    path: Path
    """Absolute path on the building machine."""


Run: TypeAlias = EntryPoint | Module | Command | Script


@dataclass(frozen=True, slots=True)
class Executable:
    """One executable to be built: ``[tool.oxidize.executables.NAME]``."""

    name: str
    """File name of the result."""
    run: Run
    """What it runs: exactly one of ``entry-point``, ``module``, ``command`` and ``script``."""
    extras: tuple[str, ...] = ()
    """Extras of the project whose dependencies are packed too."""
    frozen: bool = False
    """Look like other packagers' results: ``sys.frozen`` and ``sys._MEIPASS`` are set, and ``sys.executable``
    is the file itself."""


@dataclass(frozen=True, slots=True)
class Override:
    """What pyproject.toml says of an executable whose entry point only the project's wheel knows."""

    name: str
    extras: tuple[str, ...] = ()
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a project's pyproject.toml says to oxidize."""

    project: Path
    """Directory of pyproject.toml."""
    wheel_backend: str = DEFAULT_WHEEL_BACKEND
    """The PEP 517 backend that makes the project's wheels and sdists."""
    executables: tuple[Executable, ...] = ()
    """In order of name."""
    overrides: tuple[Override, ...] = ()
    """For executables whose entry points only the project's wheel knows, in order of name."""
