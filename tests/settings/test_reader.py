"""The reader of pyproject.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from oxidize_build.errors import SettingsError, WheelError
from oxidize_build.settings import (
    Command,
    EntryPoint,
    Executable,
    Module,
    Script,
    Settings,
    add_entry_points,
    read_settings,
)
from oxidize_build.settings.build_system import BuildSystem, read_build_system
from oxidize_build.settings.suggestions import did_you_mean

PROJECT = """
[project]
name = "demo"
version = "1"
[project.scripts]
app = "demo.cli:main.run"
[project.optional-dependencies]
fast-path = ["x"]
"""


def read(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    return read_settings(tmp_path)


def fault(tmp_path: Path, text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text)
    return caught.value.message


def test_scripts_are_executables_without_configuration(tmp_path: Path) -> None:
    settings = read(tmp_path, PROJECT + '[project.gui-scripts]\nwindow = "demo.gui:main [Fast_Path]"\n')
    assert settings.project == tmp_path.resolve()
    assert settings.wheel_backend == "setuptools.build_meta"
    assert settings.executables == (
        Executable("app", EntryPoint("demo.cli", "main.run")),
        Executable("window", EntryPoint("demo.gui", "main"), extras=("fast-path",)),
    )


@pytest.mark.parametrize(
    ("key", "run"),
    [
        ('entry-point = "a.b:c"', EntryPoint("a.b", "c")),
        ('module = "a.b"', Module("a.b")),
        ('command = "print(1)"', Command("print(1)")),
    ],
)
def test_a_table_overrides_what_a_script_runs(tmp_path: Path, key: str, run: object) -> None:
    settings = read(tmp_path, f"{PROJECT}[tool.oxidize.executables.app]\n{key}\n")
    assert [executable.run for executable in settings.executables] == [run]


def test_a_script_file_is_an_absolute_path(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "run.py").touch()
    settings = read(tmp_path, '[tool.oxidize.executables.run]\nscript = "bin/run.py"\n')
    assert settings.executables == (Executable("run", Script(tmp_path.resolve() / "bin" / "run.py")),)


def test_extras_alone_keep_the_script(tmp_path: Path) -> None:
    settings = read(tmp_path, PROJECT + '[tool.oxidize.executables.app]\nextras = ["Fast.Path"]\n')
    assert settings.executables == (
        Executable("app", EntryPoint("demo.cli", "main.run"), extras=("fast-path",)),
    )


def test_wheel_backend_may_be_an_object(tmp_path: Path) -> None:
    assert read(tmp_path, '[tool.oxidize]\nwheel-backend = "a.b:c.d"\n').wheel_backend == "a.b:c.d"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[tool.oxidize]\nwheel-bakend = 'x'\n",
            ["tool.oxidize.wheel-bakend", "did you mean 'wheel-backend'?"],
        ),
        ("[tool.oxidize]\nwheel-backend = 3\n", ["tool.oxidize.wheel-backend", "found 3", "package.module"]),
        ("[tool.oxidize]\nwheel-backend = 'a b'\n", ["tool.oxidize.wheel-backend", "found 'a b'"]),
        (
            "[tool.oxidize]\nwheel-backend = 'oxidize_build.build_meta'\n",
            ["tool.oxidize.wheel-backend", "not this"],
        ),
        ("[tool]\noxidize = 1\n", ["tool.oxidize: found 1", "a table"]),
        (
            "[tool.oxidize.executables.app]\nmodul = 'x'\n",
            [
                "tool.oxidize.executables.app.modul",
                "callback, command, compress-program, compression, dependencies",
                "mean 'module'?",
            ],
        ),
        (
            "[tool.oxidize.executables.app]\nmodule = 'x'\ncommand = 'y'\n",
            ["executables.app", "module, command"],
        ),
        ("[tool.oxidize.executables.app]\nmodule = 'x-y'\n", ["executables.app.module", "found 'x-y'"]),
        ("[tool.oxidize.executables.app]\nentry-point = 'x'\n", ["executables.app.entry-point", "found 'x'"]),
        ("[tool.oxidize.executables.app]\ncommand = ''\n", ["executables.app.command", "non-empty"]),
        ("[tool.oxidize.executables.app]\nmodule = 'x'\nextras = 'y'\n", ["app.extras", "a list of strings"]),
        ("[tool.oxidize.executables.app]\nmodule = 'x'\nfrozen = 1\n", ["app.frozen", "true or false"]),
        ("[tool.oxidize.executables.app]\n", ["executables.app", "says nothing to run"]),
        ("[tool.oxidize.executables.'a/b']\nmodule = 'x'\n", ["found the name 'a/b'", "a file name"]),
        (PROJECT + "[tool.oxidize.executables.ap]\nextras = []\n", ["executables.ap", "did you mean 'app'?"]),
        (
            PROJECT + "[tool.oxidize.executables.app]\nextras = ['fast-pat']\n",
            ["executables.app.extras", "found 'fast-pat'", "did you mean 'fast-path'?"],
        ),
        (
            "[project.scripts]\napp = 'demo'\n",
            ["project.scripts.app", "found 'demo'", "package.module:function"],
        ),
        ("[project.scripts]\n'../app' = 'demo:main'\n", ['project.scripts."../app"', "file name"]),
        (
            PROJECT + "[project.gui-scripts]\napp = 'demo:gui'\n",
            ["project.gui-scripts.app", "project.scripts too"],
        ),
    ],
)
def test_a_fault_names_key_value_and_remedy(tmp_path: Path, text: str, expected: list[str]) -> None:
    message = fault(tmp_path, text)
    assert [part for part in expected if part not in message] == [], message


@pytest.mark.parametrize("script", ["missing.py", "../outside.py", "/etc/hostname", "link.py"])
def test_a_script_must_be_a_file_of_the_project(tmp_path: Path, script: str) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "outside.py").touch()
    (project / "link.py").symlink_to(tmp_path / "outside.py")
    message = fault(project, f"[tool.oxidize.executables.app]\nscript = '{script}'\n")
    assert "tool.oxidize.executables.app.script" in message
    assert repr(script) in message


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    text = (
        "[tool.oxidize]\nx = 1\nwheel-backend = 2\n[tool.oxidize.executables.app]\nmodule = 3\nextra = []\n"
    )
    message = fault(tmp_path, text)
    assert "has 4 faults" in message
    for key in ("tool.oxidize.x", "wheel-backend", "executables.app.module", "executables.app.extra"):
        assert key in message


def test_a_missing_or_malformed_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no pyproject\.toml"):
        read_settings(tmp_path)
    assert "line 1" in fault(tmp_path, "[project\n")
    (tmp_path / "pyproject.toml").write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings(tmp_path)


def test_entry_points_of_a_wheel_are_added(tmp_path: Path) -> None:
    settings = read(tmp_path, PROJECT)
    text = "[console_scripts]\napp = other:main\nTool=a.b : c [Z, y]\n[gui_scripts]\nw = g:m\n[x]\nn = n:n\n"
    assert add_entry_points(settings, text).executables == (
        Executable("Tool", EntryPoint("a.b", "c"), extras=("y", "z")),
        settings.executables[0],
        Executable("w", EntryPoint("g", "m")),
    )
    assert add_entry_points(settings, "") == settings


def test_extras_of_a_dynamic_script_wait_for_the_wheel(tmp_path: Path) -> None:
    text = '[project]\nname = "d"\ndynamic = ["scripts"]\n'
    settings = read(tmp_path, text + '[tool.oxidize.executables.app]\nextras = ["x"]\n'.replace('"x"', ""))
    assert settings.executables == ()
    settings = read(tmp_path, '[tool.oxidize.executables.app]\nextras = ["x"]\n')
    added = add_entry_points(settings, "[console_scripts]\napp = a:b [y]\n")
    assert added.executables == (Executable("app", EntryPoint("a", "b"), extras=("x", "y")),)
    with pytest.raises(SettingsError, match=r"executables\.app does not say.*did you mean 'apps'"):
        add_entry_points(settings, "[console_scripts]\napps = a:b\n")


@pytest.mark.parametrize(
    "text", ["[console_scripts]\napp = a\n", "app = a:b\n", "[console_scripts]\na/b = a:b\n"]
)
def test_malformed_entry_points_of_a_wheel(tmp_path: Path, text: str) -> None:
    with pytest.raises(WheelError, match=r"entry_points\.txt"):
        add_entry_points(Settings(tmp_path), text)


def test_build_system(tmp_path: Path) -> None:
    read(tmp_path, "")
    assert read_build_system(tmp_path) == BuildSystem()
    text = (
        '[build-system]\nrequires = ["a"]\nbuild-backend = "oxidize_build.build_meta"\nbackend-path = ["."]\n'
    )
    read(tmp_path, text)
    system = read_build_system(tmp_path)
    assert system == BuildSystem(("a",), "oxidize_build.build_meta", (".",))
    assert system.is_own
    read(tmp_path, '[build-system]\nrequires = ["a"]\nbuild-backend = "oxidize_build"\n')
    assert read_build_system(tmp_path).is_own
    read(tmp_path, "[build-system]\nrequires = 1\n")
    with pytest.raises(SettingsError, match=r"build-system\.requires"):
        read_build_system(tmp_path)


def test_suggestions() -> None:
    assert did_you_mean("Scirpt", ["script", "module"]) == "; did you mean 'script'?"
    assert did_you_mean("zzz", ["script", "module"]) == ""


def test_frozen_is_kept_wherever_the_script_comes_from(tmp_path: Path) -> None:
    table = "[tool.oxidize.executables.app]\nfrozen = true\n"
    assert read(tmp_path, PROJECT + table).executables[0].frozen
    dynamic = read(tmp_path, table)
    assert dynamic.executables == ()
    assert add_entry_points(dynamic, "[console_scripts]\napp = demo:main\n").executables[0].frozen
