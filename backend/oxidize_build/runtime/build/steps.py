"""Steps of a long build: each has a log, is skipped once it is done, and says how it failed.

A build's workshop is a directory that belongs to one plan. ``logs`` in it holds a file for each step,
``done`` one for each step that has ended well. What a step makes is a directory beside them; a step
that is begun again begins with what the interrupted one has left, so it has to clear that itself.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from oxidize_build.errors import OxidizeError, RuntimeBuildError
from oxidize_build.progress import note, stage

LOG_LINES = 20
"""How many lines of its log a failed step shows."""
LINE_LENGTH = 300
"""After how many characters it cuts them: the log has all of them."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What the steps of a build run programs with."""

    log: Path
    environment: Mapping[str, str]

    def run(
        self,
        command: Sequence[str | Path],
        *,
        cwd: Path,
        environment: Mapping[str, str] | None = None,
        accepted: Sequence[int] = (0,),
    ) -> None:
        """Run *command* in *cwd*, with *environment* on top of the build's own; its output goes to the log.

        Raises RuntimeBuildError when it cannot be started, or ends with a status that is not *accepted*.
        """
        words = shlex.join(map(str, command))
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"\n$ {words}\n")
            log.flush()
            try:
                status = subprocess.run(
                    command,
                    check=False,
                    cwd=cwd,
                    env={**self.environment, **(environment or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                ).returncode
            except OSError as error:
                raise RuntimeBuildError(f"{_cut(words)} cannot be run: {error.strerror}") from error
        if status not in accepted:
            raise RuntimeBuildError(f"{_cut(words)} ended with status {status}")


@dataclass(frozen=True, slots=True)
class Step:
    """One part of a build, which is done again as a whole when it was interrupted."""

    name: str
    """Names its log and its mark: letters, digits and hyphens."""
    title: str
    """What it does, for the progress report."""
    action: Callable[[Tools], None]
    """Does it. OxidizeError says that it has failed."""


def run_steps(steps: Sequence[Step], workshop: Path, environment: Mapping[str, str]) -> None:
    """Do those of *steps* that are not yet done, in order, in the directory *workshop*.

    Programs get *environment*, and nothing else of this process's.

    Raises RuntimeBuildError when a step fails. It shows the last lines of the step's log; the next
    call goes on at that step.
    """
    for folder in ("logs", "done"):
        (workshop / folder).mkdir(parents=True, exist_ok=True)
    for number, step in enumerate(steps, 1):
        title = f"[{number}/{len(steps)}] {step.title}"
        mark = workshop / "done" / step.name
        if mark.exists():
            note(f"{title} (done before)")
            continue
        tools = Tools(workshop / "logs" / f"{number:02}-{step.name}.log", environment)
        tools.log.write_text("", encoding="utf-8")
        with stage(title):
            used = _timed(step, title, tools)
        mark.write_text(json.dumps(used) + "\n", encoding="ascii")


def _timed(step: Step, title: str, tools: Tools) -> dict[str, float]:
    """Do *step*; return the seconds that it took, and those that its processes kept processors busy."""
    started, busy = time.monotonic(), _children_seconds()
    try:
        step.action(tools)
    except OxidizeError as error:
        raise RuntimeBuildError(
            f"{title}: {error.message}{_end_of_log(tools.log)}",
            hint=f"{error.hint or 'mend the cause'}; the same command then goes on at this step",
        ) from error
    return {
        "seconds": round(time.monotonic() - started, 3),
        "cpu_seconds": round(_children_seconds() - busy, 3),
    }


def _children_seconds() -> float:
    used = os.times()
    return used.children_user + used.children_system


def _end_of_log(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    if not lines:
        return ""
    shown = "\n".join(f"  | {_cut(line)}" for line in lines[-LOG_LINES:])
    return f"\n  the last lines of {log}:\n{shown}"


def _cut(line: str) -> str:
    return line if len(line) <= LINE_LENGTH else f"{line[:LINE_LENGTH]} ..."
