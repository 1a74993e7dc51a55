"""The ``oxidize`` command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace

import click
import pytest

import oxidize_build
from oxidize_build.cli import oxidize
from oxidize_build.cli.reference import reference
from oxidize_build.errors import DependencyError, ImageError
from oxidize_build.project import build_project_wheel, effective_build_system
from oxidize_build.settings import Settings, read_settings

Outcome = Callable[..., int]
OWN = 'requires = ["Oxidize_Build>=0.1", "packaging"]\nbuild-backend = "oxidize_build.build_meta"\n'


def make_project(directory: Path, build_system: str = OWN, wheel_backend: str = "flit_core.buildapi") -> Path:
    (directory / "demo.py").write_text('"""Demo."""\n', encoding="utf-8")
    (directory / "pyproject.toml").write_text(
        f'[build-system]\n{build_system}[project]\nname = "demo"\nversion = "1.0"\ndescription = "d"\n'
        '[project.scripts]\napp = "demo:main"\ntool = "demo:main"\n'
        f'[tool.oxidize]\nwheel-backend = "{wheel_backend}"\n',
        encoding="utf-8",
    )
    return directory


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    def build_executables(
        settings: Settings,
        wheel: Path,
        names: Sequence[str] | None,
        output: Path,
        targets: Sequence[str] | None,
        _preparation: object,
        *,
        traced: bool,
    ) -> list[SimpleNamespace]:
        assert not traced
        assert zipfile.is_zipfile(wheel)
        assert targets is None
        chosen = [item.name for item in settings.executables if names is None or item.name in names]
        return [SimpleNamespace(path=output / name) for name in chosen]

    module = ModuleType("oxidize_build.pipeline")
    vars(module)["build_executables"] = build_executables
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def test_version_and_help(outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome("--version") == 0
    assert capsys.readouterr().out == f"oxidize, version {oxidize_build.__version__}\n"
    assert outcome("--help") == 0
    out = capsys.readouterr().out
    assert "build" in out
    assert "verify" in out


def test_help_imports_nothing_heavy() -> None:
    backend = Path(oxidize_build.__file__).parents[1]
    code = (
        f"import sys; sys.path.insert(0, {str(backend)!r})\nfrom oxidize_build.cli import main\n"
        "try: main(['build', '--help'])\n"
        "except SystemExit: pass\n"
        "print({'rich', 'build', 'elftools', 'oxidize_build.settings'} & set(sys.modules))\n"
    )
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert result.stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize(("names", "expected"), [([], ["app", "tool"]), (["tool"], ["tool"])])
def test_build_prints_the_paths(
    outcome: Outcome,
    tmp_path: Path,
    pipeline: ModuleType,
    capfd: pytest.CaptureFixture[str],
    names: list[str],
    expected: list[str],
) -> None:
    assert pipeline.__name__ in sys.modules
    project = make_project(tmp_path)
    assert outcome("build", *names, "--project", str(project), "--no-isolation") == 0
    assert capfd.readouterr().out.splitlines() == [str(project / "dist" / name) for name in expected]
    assert outcome("build", "app", "--project", str(project), "-n", "--outdir", str(tmp_path / "o")) == 0
    assert capfd.readouterr().out == f"{tmp_path / 'o' / 'app'}\n"


def test_an_error_ends_with_its_status(
    outcome: Outcome, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome("build", "--project", str(tmp_path)) == 78
    captured = capsys.readouterr()
    assert captured.err.startswith("error: there is no pyproject.toml")
    assert "\n  hint: " in captured.err
    assert captured.out == ""


def test_the_wrapped_backend_is_used_directly(tmp_path: Path) -> None:
    system = effective_build_system(read_settings(make_project(tmp_path)))
    assert system.requires == ("packaging", "flit-core")
    assert system.backend == "flit_core.buildapi"


def test_a_requirement_that_is_stated_is_not_added(tmp_path: Path) -> None:
    text = 'requires = ["oxidize-build", "Flit_core>=3"]\nbuild-backend = "oxidize_build.build_meta"\n'
    system = effective_build_system(read_settings(make_project(tmp_path, text)))
    assert system.requires == ("Flit_core>=3",)


def test_another_backend_is_used_as_it_is(tmp_path: Path) -> None:
    text = 'requires = ["oxidize-build", "x"]\nbuild-backend = "a.b:c"\n'
    system = effective_build_system(read_settings(make_project(tmp_path, text)))
    assert system.requires == ("oxidize-build", "x")
    assert system.backend == "a.b:c"


@pytest.mark.slow
def test_wheel_in_an_isolated_environment(tmp_path: Path) -> None:
    settings = read_settings(make_project(tmp_path))
    wheel = build_project_wheel(settings, tmp_path / "out", isolated=True)
    assert wheel.parent == tmp_path / "out"
    assert zipfile.is_zipfile(wheel)


@pytest.mark.parametrize(
    ("backend", "message"),
    [("no_such_backend", "'no_such_backend' cannot be imported"), ("setuptools.build_meta", "exit status 1")],
)
def test_a_backend_that_fails(tmp_path: Path, backend: str, message: str) -> None:
    project = make_project(tmp_path, wheel_backend=backend)
    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("[tool.setuptools]\nfault = 1\n")
    with pytest.raises(DependencyError, match=message):
        build_project_wheel(read_settings(project), tmp_path / "out", isolated=False)


def interrupt() -> None:
    raise KeyboardInterrupt


def finish() -> None:
    """End as any command does that returns nothing."""


@pytest.mark.parametrize(("callback", "status"), [(interrupt, 130), (finish, 0)])
def test_how_a_command_ends(
    callback: Callable[[], None], status: int, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(oxidize.commands, "end", click.Command("end", callback=callback))
    assert outcome("end") == status


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["build", "--nonsense"], ["analyze"], ["cache", "prune"]]
)
def test_a_command_line_that_cannot_be_understood(
    arguments: list[str], outcome: Outcome, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome(*arguments) == 2
    assert capsys.readouterr().err.startswith("Usage: oxidize")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome("completion", shell) == 0
    assert f"_OXIDIZE_COMPLETE={shell}_complete" in capsys.readouterr().out


def test_the_completion_completes() -> None:
    environment = os.environ | {
        "_OXIDIZE_COMPLETE": "bash_complete",
        "COMP_WORDS": "oxidize inspect --h",
        "COMP_CWORD": "2",
        "PYTHONPATH": str(Path(oxidize_build.__file__).parents[1]),
    }
    command = [sys.executable, "-m", "oxidize_build"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["plain,--html", "plain,--help"]


def test_the_reference_page_is_the_generated_one() -> None:
    page = Path(oxidize_build.__file__).parents[2] / "docs" / "reference" / "cli.md"
    assert page.read_text(encoding="utf-8") == reference(), "run `make docs-reference`"


def test_the_reference_page_has_every_command_and_status() -> None:
    page = reference()
    for name in oxidize.commands:
        assert f"## `oxidize {name}`\n" in page
    for status in (0, 2, 65, 69, 70, 73, 78, 130):
        assert f"\n| {status} | " in page


@dataclass(frozen=True)
class Report:
    path: Path
    size: int = 100
    image_size: int = 60
    program_size: int | None = None
    image: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(files="ab", modules="c", libraries="")
    )


def test_verify(
    outcome: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def check(path: Path) -> Report:
        if path.read_bytes() == b"whole":
            return Report(path)
        raise ImageError(f"{path}: damaged")

    module = ModuleType("oxidize_build.verify")
    vars(module)["verify"] = check
    monkeypatch.setitem(sys.modules, module.__name__, module)
    file = tmp_path / "app"
    file.write_bytes(b"whole")
    assert outcome("verify", str(file)) == 0
    assert capsys.readouterr().out == f"{file}: ok\n  100 bytes, of which the image has 60\n"
    assert outcome("verify", "--json", str(file)) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "path": str(file),
        "size": 100,
        "image_size": 60,
        "program_size": None,
        "files": 2,
        "modules": 1,
        "libraries": 0,
        "self_test": None,
    }
    file.write_bytes(b"half")
    assert outcome("verify", str(file)) == ImageError.exit_status
    assert capsys.readouterr().err == f"error: {file}: damaged\n"
    assert outcome("verify", str(tmp_path / "none")) == 2
