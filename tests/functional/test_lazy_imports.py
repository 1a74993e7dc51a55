"""Lazy imports: what waits and what must not, and that programs do the same as without."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import PROJECTS

FIRST_USES: dict[str, Any] = {
    "in_try": [1, 2, 3],
    "in_except": 1,
    "in_with": 6,
    "in_loop": 42,
    "in_comprehension": [0, 1, 2],
    "in_generator": [1, 2],
    "in_coroutine": 7,
    "in_lambda": 5,
    "in_class": [4, 3],
    "in_default": 3,
    "in_decorator": "decorated",
    "in_match": None,
    "in_call": [1, {"last": 3}],
    "in_arithmetic": 24,
}
NOTE = "'value' of module 'lazily.fails' is imported lazily: "
NOTE += "the import statement ran when the name was first used"

CASES: dict[str, Any] = {
    "waits": [[False, False, False, False], [True], 3, "type"],
    "chosen": [[False, False], ["lazily.chosen", "lazily.unchosen"], [True, True]],
    "effects": [True, True],
    "dotted": [[False, False, False], "onetwo", [True, True]],
    "at_once": [[True], 1],
    "from_outside": [[True, False], [True, False], 1, True],
    "names": [[True, True, True, False], [False], True, False, [True]],
    "class_of_module": [[True, False], True, "<module 'lazily.user' ", "lazily.fails"],
    "star": ["late", "function"],
    "chain": [[False], "late", [True]],
    "submodule_of_the_same_name": "function",
    "own_submodule": [[False, False], "three", "four"],
    "set_before": [[False], "3", True],
    "delete_before": [[False], "name 'Thing' is not defined", False],
    "patched": ["3", 3],
    "reloaded": [True, 10, 3, 2],
    "each_form_first": {name: [False, result, True] for name, result in FIRST_USES.items()},
    "visible": ["LIMIT", "Thing"],
    "evaluated": [["Thing", "Thing"], [3, 3]],
    "annotated_later": [[False], "Other"],
    "missing": ["No module named 'lazily.nowhere'", "lazily.nowhere", False],
    "optional": [[True], None],
    "fails": [
        True,
        "broken body",
        [
            ["fails", "fails.use()"],
            ["use", "return value"],
            ["<module>", "from lazily.broken import value"],
            ["<module>", 'raise RuntimeError("broken body")'],
        ],
        [NOTE],
        "NoneType",
        "mended",
    ],
    "no_such_attribute": ["cannot import name 'no_such_name' from 'lazily.named'", "lazily.named", True],
    "undefined": [
        "name 'not_there_at_all' is not defined",
        "not_there_at_all",
        [["undefined", "user.undefined()"], ["undefined", "return not_there_at_all"]],
    ],
    "builtin_names": "not the builtin",
    "rebound": [3, 0],
    "circle": [[False], "last"],
    "replaced": "other",
    "in_threads": [8, 1, 1],
    "pickled": 4,
    "from_dictionary": 24,
    "command": "5\n",
    "source": ["def make(value):\n    return Thing(value)\n", True, "lazily.user"],
    "code": [True, 6, 10, [1, 2, 3], True, True],
}
EAGER: dict[str, Any] = {
    "waits": [[True, True, True, True], [True], 3, "type"],
    "chosen": [[True, True], ["lazily.chosen", "lazily.unchosen"], [True, True]],
}
SOME: dict[str, Any] = {
    "waits": [[True, True, True, True], [True], 3, "type"],
    "chosen": [[False, True], ["lazily.chosen", "lazily.unchosen"], [True, True]],
}


@pytest.fixture(scope="module")
def executables(build: Callable[[Path], Path]) -> Path:
    return build(PROJECTS / "lazy")


def run(executable: Path, case: str) -> Any:
    result = subprocess.run([executable, case], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("case", CASES)
def test_imports_wait(case: str, executables: Path) -> None:
    assert run(executables / "lazy", case) == CASES[case]


@pytest.mark.parametrize("case", EAGER)
def test_no_import_waits_unless_asked_for(case: str, executables: Path) -> None:
    assert run(executables / "eager", case) == EAGER[case]


@pytest.mark.parametrize("case", SOME)
def test_only_those_of_a_list_wait(case: str, executables: Path) -> None:
    assert run(executables / "some", case) == SOME[case]
