"""What is found out about modules before a snapshot is made."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from oxidize_build import _snapshot_survey as survey


@pytest.mark.parametrize("name", ["_ctypes", "readline"])
def test_what_no_other_process_can_have_is_left(name: str) -> None:
    known = survey.Survey([f"import {name}\n"])
    with pytest.raises(survey.LeftError, match=name):
        survey.Finder(known).find_spec(name)
    assert known.left == {name: survey.KEEPING[name]}


def test_the_syntax_tree_is_walked_as_ast_does() -> None:
    tree = ast.parse(Path(survey.__file__).read_bytes())
    assert list(survey.nodes_of(tree)) == list(ast.walk(tree))


def test_the_program_need_not_have_what_a_survey_usually_would_import(tmp_path: Path) -> None:
    """Of a module that cannot be imported, the imports are found in its source; and the report is written."""
    (tmp_path / "reads_clock.py").write_text("import time, alone\ntime.time()\n")
    (tmp_path / "alone.py").write_text("NAME = 'alone'\n")
    plan, report = tmp_path / "plan", tmp_path / "report"
    plan.write_text("import reads_clock\npacked alone\n")
    without = "import sys; sys.modules.update(dict.fromkeys(['_ast', 'ast', 'json', 'typing']))"
    run = f"sys.path.append({str(tmp_path)!r}); exec(open({survey.__file__!r}).read())"
    subprocess.run([sys.executable, "-ESc", f"{without}; {run}", plan, report], check=True)
    told = ast.literal_eval(report.read_text("ascii"))
    assert told["imported"] == ["alone"]
    assert "clock" in told["left"]["reads_clock"]
