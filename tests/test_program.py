"""What an executable runs, and the files that it needs for that."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from oxidize_build.image.format import INTERPRETER_PATH
from oxidize_build.image.writer import write_image
from oxidize_build.program import add_own_files, make_program
from oxidize_build.resources import Content, DataFile, Resource, SourceModule
from oxidize_build.runtime.model import Runtime
from oxidize_build.settings import Command, Executable, Script


def script(path: str) -> DataFile:
    return DataFile(PurePosixPath(path), Content(b"#!python\n"), "demo", executable=True)


def by_path(resources: list[Resource], tmp_path: Path) -> dict[str, Resource]:
    write_image(tmp_path / "image", resources, (), hexversion=0, cache_tag="cpython-313")
    return {str(resource.path): resource for resource in resources}


@pytest.mark.parametrize("is_script", [False, True])
def test_the_main_module_takes_the_place_of_a_wheels_script(
    tmp_path: Path, toy_runtime: Runtime, capsys: pytest.CaptureFixture[str], is_script: bool
) -> None:
    (tmp_path / "tool").touch()
    run = Script(tmp_path / "tool") if is_script else Command("pass")
    brought = [script("bin/tool"), script("bin/other")]
    program = make_program(Executable("tool", run), brought, toy_runtime)
    files = by_path(add_own_files(program, brought), tmp_path)
    assert files.keys() == {"bin/tool", "bin/other", INTERPRETER_PATH}
    assert files["bin/tool"] == program.main
    assert "bin/tool of demo is left out" in capsys.readouterr().err


def test_sys_executable_takes_the_place_of_a_wheels_script(
    tmp_path: Path, toy_runtime: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    brought = [script(INTERPRETER_PATH)]
    program = make_program(Executable("tool", Command("pass")), brought, toy_runtime)
    files = by_path(add_own_files(program, brought), tmp_path)
    assert files[INTERPRETER_PATH].origin == "oxidize"
    assert f"{INTERPRETER_PATH} of demo is left out" in capsys.readouterr().err


def test_an_executable_of_the_interpreters_name(tmp_path: Path, toy_runtime: Runtime) -> None:
    program = make_program(Executable("python3", Command("pass")), [], toy_runtime)
    main = by_path(add_own_files(program, []), tmp_path)[INTERPRETER_PATH]
    assert isinstance(main, SourceModule)
    assert main.executable
