"""The benchmarks run, go on where they were interrupted, and say what was measured."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import bench
import pytest
from suite import freezers, interpreters, machine, measuring, report, results
from suite.applications import APPLICATIONS, Application, importing
from suite.building import Builder
from suite.measuring import Launcher, MeasurementError, interleaved
from suite.results import Built, Measured, Results, reference
from suite.tools import VARIANTS, Command, Site, Tool

from oxidize_build.settings import read_settings

OURS = Measured("hello", "oxidize", "host", (1.0, 2.0, 4.0), (1, 2, 3), 5, 6, 7.0, 8.0, 9)
THEIRS = replace(OURS, label="other", seconds=(2.0, 5.0, 8.0), interpreter="")
OWN = replace(OURS, label="oxidize, own runtime", interpreter="own")
RESULTS = Results(
    "a machine", {"host": "CPython"}, {"tool": "1"}, 3, (0.1, 0.2), busy=False, subjects=(OURS, THEIRS)
)


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Launcher:
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    return Launcher.compile(tmp_path_factory.mktemp("launcher"))


@pytest.mark.slow
def test_hello_by_two_tools(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    work, output = tmp_path / "work", tmp_path / "figures.json"
    options = ["--applications", "hello", "--only", "oxidize", "virtual environment", "--runs", "1"]
    options += ["--instructions", "--work", str(work), "--json", str(output)]
    bench.main(options)
    shown = capsys.readouterr()
    measured = results.read(output).of("hello")
    assert [subject.label for subject in measured] == ["oxidize", "virtual environment"]
    assert all(subject.seconds[0] > 0 and subject.memory[0] > 1e6 for subject in measured)
    ours, environment = measured
    assert (ours.size or 0) > 1e6
    assert environment.size is None
    assert ours.warm is not None
    assert re.search(r"^oxidize +\d+\.\d +0% +1\.00 ", shown.out, re.MULTILINE)
    built = work / "built/hello/oxidize/built.json"
    before = built.stat().st_mtime_ns
    bench.main(options)
    assert built.stat().st_mtime_ns == before
    assert len(results.read(output).subjects) == 2


def test_programs_take_turns(launcher: Launcher, tmp_path: Path) -> None:
    record = tmp_path / "record"
    commands = {name: ["/bin/sh", "-c", f"printf {name} >> {record}"] for name in "AB"}
    rounds: list[int] = []
    runs = interleaved(launcher, commands, 2, rounds.append)
    assert record.read_text() == "ABABAB"
    assert rounds == [0, 1, 2]
    assert {name: len(found) for name, found in runs.items()} == {"A": 2, "B": 2}


def test_a_command_that_fails(launcher: Launcher) -> None:
    with pytest.raises(MeasurementError, match="ended with status 3:\nwhy"):
        launcher.run(["/bin/sh", "-c", "echo why >&2; exit 3"])
    with pytest.raises(MeasurementError, match="No such file"):
        launcher.run(["/nonexistent"])


def test_memory_is_that_of_the_command(launcher: Launcher) -> None:
    used = launcher.run([sys.executable, "-I", "-S", "-c", "b'x' * 80_000_000"]).memory
    assert 80e6 < used < 200e6
    assert launcher.run(["/bin/true"]).memory < 20e6


def test_statistics() -> None:
    assert OURS.median == 2.0
    assert THEIRS.ratio_to(OURS) == 2.0
    assert replace(OURS, seconds=(1.0, 1.0, 1.0)).spread == 0
    assert OURS.spread == 1.5


def test_what_a_subject_is_compared_with() -> None:
    assert reference(THEIRS, [OURS, OWN, THEIRS]) is OWN
    assert reference(OWN, [OURS, OWN]) is OWN
    assert reference(OURS, [OURS, OWN]) is OURS
    assert reference(replace(THEIRS, interpreter="host"), [OURS, OWN]) is OURS
    assert reference(THEIRS, [THEIRS]) is None


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    results.write(RESULTS, tmp_path / "x.json")
    assert results.read(tmp_path / "x.json") == RESULTS


def test_tables_take_the_place_of_older_ones(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.insert(page, RESULTS)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| other | 5000.0 | " in text
    report.insert(page, RESULTS)
    assert page.read_text() == text


def test_a_busy_machine_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "BUSY" in report.plain(replace(RESULTS, busy=True))
    assert "BUSY" not in report.plain(RESULTS)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.9 * (os.cpu_count() or 1), 0, 0))
    assert measuring.is_busy()
    monkeypatch.setattr(os, "getloadavg", lambda: (0.1, 0, 0))
    assert not measuring.is_busy()


def test_no_figure_names_the_machine() -> None:
    assert os.uname().nodename not in machine.describe()


def test_what_others_are_is_pinned() -> None:
    for group in (freezers.GROUP, freezers.PLOT_GROUP):
        assert all(re.fullmatch(r"[\w-]+==[\w.]+", pin) for pin in freezers.requirements(group))


def test_the_whole_standard_library() -> None:
    application = next(application for application in APPLICATIONS if application.name == "stdlib")
    code = importing(application, [Path(sys.executable)]).code
    names = {
        alias.name
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert len(names) > 400
    assert {"asyncio.base_events", "xml.etree.ElementTree"} < names
    assert not {name for name in names if "test" in name.split(".") or name in {"this", "antigravity"}}


@pytest.mark.parametrize("table", VARIANTS.values(), ids=VARIANTS)
def test_settings_of_the_variants_are_valid(table: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        f'[project]\nname = "x"\nversion = "1"\n[tool.oxidize]\n{table}\n'
    )
    read_settings(tmp_path)


class Copying(Tool):
    """A tool that takes the source for the program."""

    def steps(self, application: Application, site: Site) -> list[Command]:
        name = f"{application.name}_app.py"
        return [["/bin/cp", site.path(name), site.path("dist", "x")], ["/bin/sh", "-c", "echo >> times"]]

    def result(self, application: Application, site: Site) -> tuple[Command, Path | None]:
        return [site.path("dist", "x")], site.path("dist")


def test_what_is_built_is_kept(launcher: Launcher, tmp_path: Path) -> None:
    hello = APPLICATIONS[0]
    interpreter = interpreters.host(Path(sys.executable))
    builder = Builder(tmp_path, launcher, "1")
    built = builder.build(Copying("a copy", interpreter), hello, tmp_path)
    times = tmp_path / "built/hello/a-copy/times"
    assert times.read_text() == "\n\n"
    assert built.size == len(hello.code) + len("\nCHANGED = True\n")
    assert isinstance(built, Built)
    assert builder.build(Copying("a copy", interpreter), hello, tmp_path) == built
    assert times.read_text() == "\n\n"
    changed = replace(hello, code=f"{hello.code}# changed\n")
    assert builder.build(Copying("a copy", interpreter), changed, tmp_path).size == (built.size or 0) + 10
    assert json.loads((times.parent / "built.json").read_text())["built"]["command"] == list(built.command)
    replace(builder, versions="2").build(Copying("a copy", interpreter), changed, tmp_path)
    assert times.stat().st_mtime_ns > 0
