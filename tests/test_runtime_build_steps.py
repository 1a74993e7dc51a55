"""Steps of a build: done once, told apart by their logs, and honest about how they failed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from oxidize_build.errors import RuntimeBuildError
from oxidize_build.runtime.build.steps import LOG_LINES, Step, Tools, run_steps

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "GREETING": "hello"}


def python_step(name: str, code: str, cwd: Path, *, accepted: tuple[int, ...] = (0,)) -> Step:
    """A step that runs *code* by this Python."""
    return Step(
        name, f"Run {name}", lambda tools: tools.run([sys.executable, "-c", code], cwd=cwd, accepted=accepted)
    )


def test_done_steps_are_skipped_and_the_rest_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    did: list[str] = []
    failing = True

    def second(_tools: Tools) -> None:
        did.append("second")
        if failing:
            raise RuntimeBuildError("no luck")

    steps = [
        Step("first", "Do the first", lambda _tools: did.append("first")),
        Step("second", "Do the second", second),
    ]
    with pytest.raises(RuntimeBuildError, match="no luck"):
        run_steps(steps, tmp_path, ENVIRONMENT)
    failing = False
    run_steps(steps, tmp_path, ENVIRONMENT)
    run_steps(steps, tmp_path, ENVIRONMENT)
    assert did == ["first", "second", "second"]
    told = capsys.readouterr().err
    assert "[1/2] Do the first (done before)" in told
    assert "[2/2] Do the second (" in told


def test_a_failed_step_shows_the_end_of_its_log(tmp_path: Path) -> None:
    code = "[print('line', i) for i in range(100)]; print('went wrong'); raise SystemExit(1)"
    with pytest.raises(RuntimeBuildError) as caught:
        run_steps([python_step("compile", code, tmp_path)], tmp_path, ENVIRONMENT)
    shown = str(caught.value)
    log = tmp_path / "logs" / "01-compile.log"
    assert "[1/1] Run compile" in shown
    assert "ended with status 1" in shown
    assert f"last lines of {log}" in shown
    assert "  | went wrong" in shown
    assert shown.count("  | ") == LOG_LINES
    assert "line 99" in shown
    assert "line 1\n" not in shown
    assert "the same command then goes on at this step" in shown
    assert "line 1\n" in log.read_text()
    assert not (tmp_path / "done" / "compile").exists()


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    step = Step("go", "Go", lambda tools: tools.run([tmp_path / "absent"], cwd=tmp_path))
    with pytest.raises(RuntimeBuildError, match=r"absent cannot be run: No such file"):
        run_steps([step], tmp_path, ENVIRONMENT)


def test_a_status_can_be_accepted(tmp_path: Path) -> None:
    step = python_step("test", "raise SystemExit(2)", tmp_path, accepted=(0, 2))
    run_steps([step], tmp_path, ENVIRONMENT)
    assert (tmp_path / "done" / "test").exists()


def test_programs_get_the_given_environment_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OXIDIZE_LEAK", "1")
    code = "import os; print(os.environ['GREETING'], 'OXIDIZE_LEAK' in os.environ)"
    run_steps([python_step("ask", code, tmp_path)], tmp_path, ENVIRONMENT)
    assert "hello False" in (tmp_path / "logs" / "01-ask.log").read_text()


def test_the_mark_says_how_long_it_took(tmp_path: Path) -> None:
    run_steps(
        [python_step("think", "import time\nwhile time.process_time() < 0.1: pass", tmp_path)],
        tmp_path,
        ENVIRONMENT,
    )
    used = json.loads((tmp_path / "done" / "think").read_text())
    assert used["seconds"] > 0
    assert used["cpu_seconds"] > 0
