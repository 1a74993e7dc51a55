"""The sessions of tox and nox that examples/ recommends, run as they stand there."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from conftest import EXAMPLES, Frontend


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return shutil.copytree(EXAMPLES / "release", tmp_path / "release")


@pytest.mark.slow
@pytest.mark.parametrize("command", [("tox",), ("nox", "--non-interactive")], ids=lambda command: command[0])
def test_release(frontend: Frontend, project: Path, command: tuple[str, ...]) -> None:
    program = Path(sysconfig.get_path("scripts")) / command[0]
    environment = {
        name: value
        for name, value in frontend.environment.items()
        if not name.startswith(("TOX", "NOX", "VIRTUAL_ENV"))
    }
    done = subprocess.run(
        [program, *command[1:]], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout + done.stderr
    assert "modules imported" in done.stdout + done.stderr
    assert (project / "dist" / "tally").is_file()
