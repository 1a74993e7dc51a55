"""New projects, and old ones that learn to build executables."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from oxidize_build.errors import OutputError, OxidizeError, SettingsError
from oxidize_build.new_project import Wish, init_project, module_name, project_name
from oxidize_build.settings import Command, EntryPoint, Repl, read_settings
from oxidize_build.settings.build_system import OWN_BACKEND

NOTHING = Wish()


def loaded(project: Path) -> dict[str, Any]:
    return tomllib.loads((project / "pyproject.toml").read_bytes().decode())


def test_a_new_project_has_a_module(tmp_path: Path) -> None:
    project = tmp_path / "My Tool"
    assert init_project(project, NOTHING) == [project / "my_tool.py", project / "pyproject.toml"]
    (executable,) = read_settings(project).executables
    assert (executable.name, executable.run) == ("My-Tool", EntryPoint("my_tool", "main"))
    compile((project / "my_tool.py").read_text(), "my_tool.py", "exec")


def test_a_new_project_of_code(tmp_path: Path) -> None:
    project = tmp_path / "demo"
    code = "from pyflakes.api import main; main()"
    assert init_project(project, Wish(("pyflakes==3.2.0",), code)) == [project / "pyproject.toml"]
    (executable,) = read_settings(project).executables
    assert (executable.name, executable.run) == ("demo", Command(code))
    assert loaded(project)["project"]["dependencies"] == ["pyflakes==3.2.0"]


def test_a_new_project_of_packages_alone_is_interactive(tmp_path: Path) -> None:
    init_project(tmp_path / "demo", Wish(("rich",)))
    (executable,) = read_settings(tmp_path / "demo").executables
    assert executable.run == Repl()


@pytest.mark.parametrize("wish", [NOTHING, Wish(("rich", "click>=8"), "import rich"), Wish(("rich",))])
def test_the_second_time_changes_nothing(wish: Wish, tmp_path: Path) -> None:
    init_project(tmp_path / "demo", wish)
    text = (tmp_path / "demo" / "pyproject.toml").read_text()
    assert init_project(tmp_path / "demo", wish) == []
    assert (tmp_path / "demo" / "pyproject.toml").read_text() == text


EXISTING = """\
# What this is
[build-system]
requires = [
    "hatchling>=1.26",  # new enough
]
build-backend = 'hatchling.build'   # the one we like

[project]
name    = "tool"     # aligned
version = "1.0"
dependencies = ["click"]

[project.scripts]
tool = "tool:main"

[tool.ruff]
line-length = 100
"""


def test_an_existing_file_keeps_its_comments_and_layout(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(EXISTING)
    assert init_project(tmp_path, NOTHING) == [tmp_path / "pyproject.toml"]
    text = (tmp_path / "pyproject.toml").read_text()
    table = loaded(tmp_path)
    assert table["build-system"]["build-backend"] == OWN_BACKEND
    assert table["build-system"]["requires"] == ["hatchling>=1.26", "oxidize-build"]
    assert table["tool"]["oxidize"] == {"wheel-backend": "hatchling.build"}
    kept = [line for line in EXISTING.splitlines() if line and "hatchling.build" not in line]
    assert [line for line in text.splitlines() if line in kept] == kept
    assert "# the one we like" in text
    assert init_project(tmp_path, NOTHING) == []


def test_an_existing_project_gets_what_is_wished(tmp_path: Path) -> None:
    (tmp_path / "tool").mkdir()
    (tmp_path / "tool" / "pyproject.toml").write_text(EXISTING)
    wish = Wish(("click", "rich==13.9"), "print(1)")
    init_project(tmp_path / "tool", wish)
    own = loaded(tmp_path / "tool")["tool"]["oxidize"]
    assert own["dependencies"] == ["rich==13.9"]
    assert init_project(tmp_path / "tool", wish) == []
    with pytest.raises(SettingsError, match="'tool' already, which runs something else"):
        init_project(tmp_path / "tool", Wish(code="print(2)"))


@pytest.mark.parametrize(
    ("build_system", "files", "wheel_backend"),
    [
        ("", [], None),
        ("", ["setup.py"], "setuptools.build_meta:__legacy__"),
        ('[build-system]\nrequires = ["setuptools"]\n', [], "setuptools.build_meta:__legacy__"),
        ('[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n', [], None),
        (
            'build-system = {requires = ["flit_core"], build-backend = "flit_core.buildapi"}\n',
            [],
            "flit_core.buildapi",
        ),
    ],
)
def test_the_backend_goes_on_making_the_wheels(
    build_system: str, files: list[str], wheel_backend: str | None, tmp_path: Path
) -> None:
    for name in files:
        (tmp_path / name).touch()
    (tmp_path / "pyproject.toml").write_text(f'{build_system}[project]\nname = "a"\nversion = "1"\n')
    init_project(tmp_path, NOTHING)
    table = loaded(tmp_path)
    assert table["build-system"]["build-backend"] == OWN_BACKEND
    assert table.get("tool", {}).get("oxidize", {}).get("wheel-backend") == wheel_backend
    read_settings(tmp_path)
    assert init_project(tmp_path, NOTHING) == []


def test_a_project_of_setup_py_alone(tmp_path: Path) -> None:
    (tmp_path / "setup.py").touch()
    init_project(tmp_path, NOTHING)
    assert set(loaded(tmp_path)) == {"build-system", "tool"}
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".toml"] == ["setup.py"]


def test_line_ends_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(EXISTING.replace("\n", "\r\n").encode())
    init_project(tmp_path, Wish(code="print(1)"))
    data = (tmp_path / "pyproject.toml").read_bytes()
    assert data.count(b"\n") == data.count(b"\r\n") > 20
    loaded(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[project\n", "cannot be read"),
        ("\udcff", "cannot be read"),
        ('[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["."]\n', "backend-path is set"),
        (
            '[build-system]\nrequires = []\nbuild-backend = "a"\n[tool.oxidize]\nwheel-backend = "b"\n',
            "is 'a', but tool.oxidize.wheel-backend is 'b' already",
        ),
        ("build-system = 1\n", "build-system"),
        ("[build-system]\nrequires = 1\n", "requires"),
        ("[build-system]\nrequires = ['!']\n", "requires"),
        ("tool = 1\n", "tool"),
        ("[tool]\noxidize = 1\n", "tool.oxidize"),
    ],
)
def test_a_file_that_cannot_be_changed(text: str, message: str, tmp_path: Path) -> None:
    data = text.encode(errors="surrogateescape")
    (tmp_path / "pyproject.toml").write_bytes(data)
    with pytest.raises(OxidizeError, match=message):
        init_project(tmp_path, Wish(code="print(1)"))
    assert (tmp_path / "pyproject.toml").read_bytes() == data
    assert [path.name for path in tmp_path.iterdir()] == ["pyproject.toml"]


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (Wish(("not a requirement",)), "'not a requirement' is not a requirement"),
        (Wish(("./here",)), "is not a requirement"),
        (Wish(code="import"), "cannot be compiled: "),
        (Wish(code="\0"), "cannot be compiled"),
    ],
)
def test_a_wish_that_cannot_be_met(wish: Wish, message: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=message):
        init_project(tmp_path / "demo", wish)
    assert list(tmp_path.iterdir()) == []


def test_a_module_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "demo.py").write_text("mine")
    with pytest.raises(SettingsError, match=r"no pyproject\.toml, but a file demo\.py"):
        init_project(tmp_path / "demo", NOTHING)
    assert [path.read_text() for path in (tmp_path / "demo").iterdir()] == ["mine"]


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        init_project(tmp_path / "file" / "demo", NOTHING)


@pytest.mark.parametrize(
    ("name", "module"), [("a-b.C", "a_b_c"), ("json", "app_json"), ("class", "app_class"), ("2d", "app_2d")]
)
def test_names_of_modules(name: str, module: str) -> None:
    assert module_name(name) == module


def test_names_of_projects(tmp_path: Path) -> None:
    assert project_name(tmp_path / "a b (c)") == "a-b-c"
    with pytest.raises(SettingsError, match="no project can be named"):
        project_name(tmp_path / "世界")
