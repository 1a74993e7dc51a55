"""The words of a build's account."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from oxidize_build import summary as module
from oxidize_build.contents import Compression, Part
from oxidize_build.distributions import Floor, Libc
from oxidize_build.policy import LeftOut
from oxidize_build.progress import Stage
from oxidize_build.settings.values import Command, EntryPoint, Module, Repl, Run, Script
from oxidize_build.summary import ExecutableSummary, describe, tell

SUMMARY = ExecutableSummary(
    name="app",
    path=Path("/dist/app"),
    runs="python -c print([bold])",
    python_version="3.13.5",
    modules=500,
    shared_libraries=70,
    data_files=40,
    left_out=(LeftOut("tests", 3, 2_000_000),),
    pruned=("csv", "email", "email.mime", "share/app/x.txt"),
    unlinked=("_ssl", "_uuid"),
    placement={"memory": 90, "extract": 10},
    size=30_000_000,
    parts={Part.STUB: 5_000_000, Part.DATA: 25_000_000},
    compression=Compression(files=60, size=9_000_000, packed=3_500_000),
    program_size=None,
    stages=(Stage("compile bytecode", 1.25),),
    sha256="ab" * 32,
    floor=Floor(Libc.GLIBC, "2.17"),
)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (EntryPoint("app.cli", "App.main"), "app.cli:App.main"),
        (Module("app"), "python -m app"),
        (Command("import app\napp.main()"), "python -c import app app.main()"),
        (Command("x" * 80), f"python -c {'x' * 60}..."),
        (Script(Path("/project/tool.py")), "python tool.py"),
        (Repl(), "python"),
    ],
)
def test_what_is_run(run: Run, words: str) -> None:
    assert describe(run) == words


@pytest.mark.parametrize("terminal", [True, False])
def test_what_is_told(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    said = StringIO()
    console = Console(file=said, force_terminal=terminal, width=100, soft_wrap=True, highlight=False)
    monkeypatch.setattr(module, "console", console)
    monkeypatch.setattr("oxidize_build.progress.console", console)
    tell(SUMMARY)
    text = said.getvalue()
    for part in (
        "python -c print([bold]) (Python 3.13.5)",
        "500 modules, 70 shared libraries, 40 data files",
        "memory: 90, extract: 10",
        "tests: 3 files, 2.0 MB",
        "csv, email, wholly or in part",
        "30.0 MB (stub 5.0, data 25.0)",
        "compile bytecode 1.2 s",
        "glibc 2.17 or later",
        "ab" * 32,
    ):
        assert part in text
    assert ("│" in text) == terminal
    if not terminal:
        assert "app: packed: 500 modules, 70 shared libraries, 40 data files\n" in text
