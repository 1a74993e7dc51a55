"""Run commands in turn, and tell what each run took."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

BUSY_ABOVE = 0.35
"""Load for each processor above which figures of time mean little: one process is the measured one."""

_COUNT = re.compile(r"I\s+refs:\s+([\d,]+)")


class MeasurementError(Exception):
    """A command does not do what it should, so that its time means nothing."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a command."""

    seconds: float
    """From before it was started until it has ended."""
    memory: int
    """The most that was resident at a time, in bytes; of several processes that of the largest."""


@dataclass(frozen=True, slots=True)
class Launcher:
    """The small program that starts what is measured."""

    path: Path

    @classmethod
    def compile(cls, folder: Path) -> Launcher:
        """Compile it into *folder*."""
        path = folder / "launch"
        source = Path(__file__).with_name("launch.c")
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", path, source], check=True)
        return cls(path)

    def run(
        self,
        command: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Run:
        """Run *command*. Raises MeasurementError, with what it said, if it fails."""
        done = subprocess.run(
            [self.path, *command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
        )
        fields = done.stdout.split()
        if done.returncode or fields[2] != "0":
            status = fields[2] if fields else "none"
            raise MeasurementError(f"{command[0]} ended with status {status}:\n{done.stderr[-3000:]}")
        return Run(int(fields[0]) / 1e9, int(fields[1]) * 1024)


def interleaved(
    launcher: Launcher,
    commands: Mapping[str, Sequence[str | Path]],
    rounds: int,
    tell: Callable[[int], None] = lambda _: None,
) -> dict[str, list[Run]]:
    """Run *commands* in turn, A B C A B C, so that a machine whose speed drifts treats all alike.

    Each is run once before, which is not counted. *tell* is given the number of each round that begins.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        tell(number)
        for name, command in commands.items():
            run = launcher.run(command, environment=environment)
            if number:
                runs[name].append(run)
    return runs


def count_instructions(command: Sequence[str | Path]) -> int | None:
    """Return the instructions of *command* and its children in user space; None where valgrind fails."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        return None
    options = [
        "--tool=cachegrind",
        "--cache-sim=no",
        "--cachegrind-out-file=/dev/null",
        "--trace-children=yes",
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [valgrind, *options, *command],
        env={**environment, "PYTHONHASHSEED": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    counts = [int(count.replace(",", "")) for count in _COUNT.findall(done.stderr)]
    return sum(counts) if done.returncode == 0 and counts else None


def is_busy() -> bool:
    """Whether other programs are at work here."""
    return os.getloadavg()[0] / (os.cpu_count() or 1) > BUSY_ABOVE
