"""The example that builds executables by the library alone."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import EXAMPLES, PROJECTS, Frontend

LIBRARY = EXAMPLES / "library.py"


@pytest.mark.slow
def test_the_library_builds_an_executable(frontend: Frontend, tmp_path: Path) -> None:
    project = shutil.copytree(PROJECTS / "hello", tmp_path / "hello")
    done = frontend.run(LIBRARY, project)
    assert done.returncode == 0, done.stderr
    executable = project / "dist" / "hello"
    size = executable.stat().st_size
    assert done.stdout.startswith(f"{executable}: ")
    assert f" modules, {size} bytes, needs glibc " in done.stdout
    assert subprocess.check_output([executable], text=True) == "hello\n"


def test_errors_are_told(frontend: Frontend, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.oxidize]\nstdlib = 'some'\n")
    done = frontend.run(LIBRARY, tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "tool.oxidize.stdlib" in done.stderr
