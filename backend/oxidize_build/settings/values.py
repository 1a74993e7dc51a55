"""What texts in the settings stand for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias


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


@dataclass(frozen=True, slots=True)
class Repl:
    """Be interactive, as ``python`` is without arguments."""


Run: TypeAlias = EntryPoint | Module | Command | Script | Repl


@dataclass(frozen=True, slots=True)
class Callback:
    """A function of a file of the project."""

    file: Path
    """Absolute path on the building machine."""
    function: str
