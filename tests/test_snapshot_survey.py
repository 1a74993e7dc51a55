"""What is found out about modules before a snapshot is made."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from oxidize_build import _snapshot_survey as survey
from oxidize_build.snapshot import Snapshot, tell_of


@pytest.mark.parametrize("name", ["_ctypes", "readline"])
def test_what_no_other_process_can_have_is_left(name: str) -> None:
    known = survey.Survey([f"import {name}\n"])
    with pytest.raises(survey.LeftError, match=name):
        survey.Finder(known).find_spec(name)
    assert known.left == {name: survey.KEEPING[name]}


def test_the_syntax_tree_is_walked_as_ast_does() -> None:
    tree = ast.parse(Path(survey.__file__).read_bytes())
    assert list(survey.nodes_of(tree)) == list(ast.walk(tree))


def run_survey(folder: Path, plan: str, prelude: str = "pass") -> dict[str, Any]:
    """Return what is found out of modules in *folder*."""
    (folder / "plan").write_text(plan)
    run = f"sys.path.append({str(folder)!r}); exec(open({survey.__file__!r}).read())"
    code = f"import sys; {prelude}; {run}"
    subprocess.run([sys.executable, "-ESc", code, folder / "plan", folder / "report"], check=True)
    told: dict[str, Any] = ast.literal_eval((folder / "report").read_text("ascii"))
    return told


def test_what_is_asked_for_is_imported_first(tmp_path: Path) -> None:
    """A module is done before the one that imports it, and may need what that one does."""
    (tmp_path / "state.py").write_text("SET = False\n")
    (tmp_path / "first.py").write_text("import state\nstate.SET = True\nimport second\n")
    (tmp_path / "second.py").write_text("import state\nassert state.SET\n")
    assert run_survey(tmp_path, "import first\n")["imported"] == ["first", "state", "second"]
    told = run_survey(tmp_path, "import second\nimport first\nleft state is in the way\n")
    assert told["imported"] == []
    assert told["left"]["first"] == told["left"]["second"] == "imports state"


def test_the_program_need_not_have_what_a_survey_usually_would_import(tmp_path: Path) -> None:
    """Of a module that cannot be imported, the imports are found in its source; and the report is written."""
    (tmp_path / "reads_clock.py").write_text("import time, alone\ntime.time()\n")
    (tmp_path / "alone.py").write_text("NAME = 'alone'\n")
    without = "sys.modules.update(dict.fromkeys(['_ast', 'ast', 'json', 'typing']))"
    told = run_survey(tmp_path, "import reads_clock\npacked alone\n", without)
    assert told["imported"] == ["alone"]
    assert "clock" in told["left"]["reads_clock"]


def test_the_summary_says_what_is_imported_how_long_that_took_and_what_is_not(
    capfd: pytest.CaptureFixture[str],
) -> None:
    left = {"c": "needs a shared library", "d": "imports c"}
    tell_of(Snapshot(bytes(1_500_000), ("a", "b"), left, 0.0125), "app")
    assert capfd.readouterr().err.splitlines() == [
        "app: snapshot: 2 modules are imported beforehand, which took 12 ms; 1.5 MB",
        "app: snapshot: left to the run: c: needs a shared library",
        "app: snapshot: left to the run with these: d",
    ]
