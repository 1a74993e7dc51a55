"""The commands of the tutorial and of pages that go on from it, typed one after the other."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from documentation import FOLLOWED, NOT_RUN, READERS_HOME, ROOT, File, steps, unlike

from conftest import Frontend


@dataclass
class Shell:
    """What a shell keeps from one command to the next."""

    directory: Path
    environment: dict[str, str]
    notes: Path
    """A file to keep them in while a command runs."""

    def type(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run *command*; return its exit status, and what it prints on both streams."""
        keep = f'status=$?; {{ pwd; env -0; }} > {shlex.quote(str(self.notes))}; exit "$status"'
        done = subprocess.run(
            ["bash", "-c", f"{command}\n{keep}"],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        directory, _, environment = self.notes.read_text(encoding="utf-8").partition("\n")
        self.directory = Path(directory)
        self.environment = dict(entry.split("=", 1) for entry in environment.split("\0") if entry)
        return done


@pytest.mark.slow
def test_tutorial(frontend: Frontend, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    path = f"{Path(sys.executable).parent}{os.pathsep}{frontend.environment['PATH']}"
    shell = Shell(home, {**frontend.environment, "PATH": path}, tmp_path / "notes")
    for step in (step for page in FOLLOWED for step in steps(ROOT / page)):
        if isinstance(step, File):
            file = shell.directory / step.path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(step.text, encoding="utf-8")
        elif step.text not in NOT_RUN:
            done = shell.type(step.text)
            assert done.returncode == 0, f"{step}\n{done.stdout}"
            printed = done.stdout.replace(str(home), READERS_HOME)
            assert unlike(step.output, printed) == [], f"{step}\n{printed}"
