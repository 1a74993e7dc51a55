"""``python -m build --executable``, in an environment as a user has it."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
import venv
from importlib import import_module
from pathlib import Path

import pytest

import oxidize_build
from oxidize_build.build_flag import arguments_of_build, asks_for_executable
from oxidize_build.build_option import mark_source_directory

BACKEND = Path(oxidize_build.__file__).parents[1]
PIPELINE = '''
def build_executables(settings, wheel, names, output, targets):
    """Stands in for the real one, which takes a compiler and a minute."""
    output.mkdir(parents=True, exist_ok=True)
    chosen = [e.name for e in settings.executables if names is None or e.name in names]
    for name in chosen:
        (output / name).write_text(f"made of {wheel.name}")
    return [output / name for name in chosen]
'''
WHEEL, SDIST = "demo-1.0-py2.py3-none-any.whl", "demo-1.0.tar.gz"


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment with build, hatchling, and oxidize_build with a pipeline that is quick."""
    directory = tmp_path_factory.mktemp("venv")
    venv.create(directory, symlinks=True)
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(directory)}))
    (site / "oxidize_build").mkdir()
    for source in (BACKEND / "oxidize_build").iterdir():
        if source.name not in {"pipeline.py", "__pycache__"}:
            (site / "oxidize_build" / source.name).symlink_to(source)
    (site / "oxidize_build" / "pipeline.py").write_text(PIPELINE, encoding="utf-8")
    for name in ("oxidize_build.pth", "oxidize_build.start"):
        (site / name).symlink_to(BACKEND / name)
    # Read after oxidize_build.pth: what is imported then must not need it
    (site / "tests.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return directory / "bin" / "python"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    directory = tmp_path / "demo"
    directory.mkdir()
    (directory / "demo.py").write_text("def main() -> None: ...\n", encoding="utf-8")
    (directory / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "oxidize_build.build_meta"\n'
        '[project]\nname = "demo"\nversion = "1.0"\n'
        '[project.scripts]\napp = "demo:main"\ntool = "demo:main"\n'
        '[tool.oxidize]\nwheel-backend = "hatchling.build"\n',
        encoding="utf-8",
    )
    return directory


def run(
    python: Path, cwd: Path, *words: str, interpreter: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environ |= {"PYTHONSAFEPATH": "1", "NO_COLOR": "1"}
    return subprocess.run(
        [python, *interpreter, "-m", "build", *words],
        cwd=cwd,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def skip_without(python: Path, cwd: Path, option: str) -> None:
    if option.startswith("--") and option not in run(python, cwd, "--help").stdout:
        pytest.skip(f"this version of build has no {option}")


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--executable"], ["app", "tool"]),
        (["--executable", "app"], ["app"]),
        (["--executable=tool", "--executable", "app"], ["app", "tool"]),
        (["--executable", "."], ["app", "tool"]),
        (["--executable", "app", "."], ["app"]),
        (["--exec"], ["app", "tool"]),
        (["--wheel", "--executable", "app"], ["app", WHEEL]),
        (["--executable", "app", "-s"], ["app", SDIST]),
        (["-sw", "--executable=app"], ["app", SDIST, WHEEL]),
        (["--executable", "-v", "-C", "a=b", "-x"], ["app", "tool"]),
        (["--executable", "--config-json", '{"a": ["b"]}'], ["app", "tool"]),
    ],
)
def test_dist_has_what_was_asked_for(
    python: Path, project: Path, words: list[str], expected: list[str]
) -> None:
    skip_without(python, project, words[1] if "--config-json" in words else "")
    result = run(python, project, "--no-isolation", *words)
    assert result.returncode == 0, result.stderr
    assert files(project / "dist") == sorted(expected)
    last = [f"Successfully built {Path('dist', name)}" for name in sorted(expected)]
    assert result.stdout.splitlines()[-len(last) :] == last
    assert result.stdout.count("Successfully built") == len(last)
    assert files(project.parent) == ["demo"]


def test_isolated_interpreter(python: Path, project: Path) -> None:
    result = run(python, project.parent, "-n", "demo", "--executable", "app", interpreter=("-I",))
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == f"Successfully built {Path('demo', 'dist', 'app')}"


def test_source_directory_that_looks_like_a_name(python: Path, project: Path) -> None:
    result = run(python, project.parent, "-n", "--executable", "demo", "--outdir", "out")
    assert result.returncode == 0, result.stderr
    assert files(project.parent / "out") == ["app", "tool"]
    assert not (project / "dist").exists()


def test_earlier_files_stay_and_are_not_reported(python: Path, project: Path) -> None:
    (project / "dist").mkdir()
    (project / "dist" / "old").touch()
    result = run(python, project, "-n", "--executable", "app")
    assert files(project / "dist") == ["app", "old"]
    assert "old" not in result.stdout


def test_help_has_the_option(python: Path, project: Path) -> None:
    result = run(python, project, "--help")
    assert result.returncode == 0
    assert "[--executable [NAME]]" in result.stdout
    options = result.stdout.partition("options:")[2]
    assert "  --executable [NAME]" in options


def test_without_the_option_build_is_as_ever(python: Path, project: Path) -> None:
    result = run(python, project, "-n", interpreter=("-X", "importtime"))
    assert result.returncode == 0, result.stderr
    assert files(project / "dist") == sorted([SDIST, WHEEL])
    imported = [
        line for line in result.stderr.splitlines() if "oxidize_build" in line and "import time" in line
    ]
    # The hooks run in processes of their own, which inherit no option of the interpreter
    assert imported == []


@pytest.mark.parametrize("words", [["-c", "pass", "build", "--executable"], ["-c", "pass", "-h"]])
def test_any_other_command_imports_nothing(python: Path, words: list[str]) -> None:
    result = subprocess.run(
        [python, "-I", "-X", "importtime", *words], capture_output=True, text=True, check=True
    )
    assert "site" in result.stderr
    assert "oxidize_build" not in result.stderr


def test_a_project_with_another_backend_is_refused_before_it_is_built(python: Path, project: Path) -> None:
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "hatchling.build"\n'
    )
    result = run(python, project, "-n", "--executable")
    assert result.returncode == 78
    assert "'hatchling.build'" in result.stderr
    assert 'build-backend = "oxidize_build.build_meta"' in result.stderr
    assert 'wheel-backend = "hatchling.build"' in result.stderr
    assert "Traceback" not in result.stderr
    assert files(project) == ["demo.py", "pyproject.toml"]


def test_an_error_of_a_hook_is_readable(python: Path, project: Path) -> None:
    result = run(python, project, "-n", "--executable", "-C", "oxidize.x=1")
    assert result.returncode == 1
    assert "error: config setting oxidize.x: unknown" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    assert not (project / "dist").exists()


def test_a_name_that_does_not_exist(python: Path, project: Path) -> None:
    result = run(python, project, "-n", "--executable", "ap")
    assert result.returncode == 1, "build's own, when a hook has ended"
    assert "there is no executable 'ap'; the project defines app, tool" in result.stderr


def test_report_lists_what_was_kept(python: Path, project: Path) -> None:
    skip_without(python, project, "--report")
    result = run(python, project, "-n", "--executable", "app", "--wheel", "--report", "report.json")
    assert result.returncode == 0, result.stderr
    artifacts = json.loads((project / "report.json").read_text(encoding="utf-8"))["artifacts"]
    assert [(item["name"], item["kind"]) for item in artifacts] == [("app", "executable"), (WHEEL, "wheel")]


def test_metadata_and_executables_exclude_each_other(python: Path, project: Path) -> None:
    skip_without(python, project, "--metadata")
    result = run(python, project, "-n", "--executable", "--metadata")
    assert result.returncode == 2
    assert "--executable: not allowed with --metadata" in result.stderr


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("python -m build --executable", ["--executable"]),
        ("python -Im build a b", ["a", "b"]),
        ("python -mbuild a", ["a"]),
        ("python -X dev -W error -Ximporttime --check-hash-based-pycs never -m build a", ["a"]),
        ("python -m pytest -m build a", []),
        ("python -c pass -m build a", []),
        ("python script.py -m build a", []),
        ("python - -m build a", []),
        ("python -X -m build a", []),
        ("python -m", []),
        ("python", []),
    ],
)
def test_arguments_of_build(command: str, arguments: list[str]) -> None:
    assert arguments_of_build(command.split()) == arguments


def test_spellings_of_the_option() -> None:
    assert [
        word for word in ("--exec", "--executable=x", "--executables", "--ex") if asks_for_executable(word)
    ] == [
        "--exec",
        "--executable=x",
    ]


@pytest.mark.parametrize(
    ("words", "marked"),
    [
        ("--executable .", "--executable=all ."),
        ("-n --exec ../x -w", "-n --executable=all ../x -w"),
        ("--executable app", "--executable app"),
        ("--executable=. x", "--executable=. x"),
        ("-- --executable .", "-- --executable ."),
        ("--executable", "--executable"),
    ],
)
def test_source_directory_after_the_option(words: str, marked: str) -> None:
    assert mark_source_directory(words.split()) == marked.split()


def test_start_file_names_what_the_pth_file_calls() -> None:
    module, function = (BACKEND / "oxidize_build.start").read_text(encoding="utf-8").strip().split(":")
    line = (BACKEND / "oxidize_build.pth").read_text(encoding="utf-8")
    assert f"from {module} import {function}" in line
    assert line.startswith("import ")
    assert line.count("\n") == 1
    assert callable(getattr(import_module(module), function))
