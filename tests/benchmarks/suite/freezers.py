"""The environments of the tools of others: one for each application, since they pack what they find."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tomllib
from pathlib import Path

from suite.applications import Application
from suite.building import REPOSITORY
from suite.interpreters import Interpreter

GROUP = "bench"
PLOT_GROUP = "bench-plot"


def requirements(group: str) -> list[str]:
    """Return the pinned requirements of a dependency group of pyproject.toml."""
    pyproject = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    found: list[str] = pyproject["dependency-groups"][group]
    return found


def obtain(work: Path, name: str, interpreter: Interpreter, needed: list[str]) -> Path:
    """Return ``bin`` of an environment with what is *needed*, made if it is not there."""
    folder = work / "environments" / name
    key = hashlib.sha256(json.dumps([str(interpreter.python), *needed]).encode()).hexdigest()
    note = folder / "complete"
    if not note.is_file() or note.read_text() != key:
        subprocess.run([interpreter.python, "-m", "venv", "--clear", folder], check=True)
        pip: list[str | Path] = [
            folder / "bin/python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        subprocess.run([*pip, "setuptools", "wheel", *needed], check=True, stdin=subprocess.DEVNULL)
        note.write_text(key)
    return folder / "bin"


def for_application(work: Path, application: Application, interpreter: Interpreter) -> Path:
    """Return ``bin`` of the environment in which tools freeze *application*."""
    return obtain(work, application.name, interpreter, [*requirements(GROUP), *application.requirements])
