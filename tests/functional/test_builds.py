"""What a user can ask a front end for, and what is in dist/ then."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest
from making import BUILD_SYSTEM, HELLO, names, write_files, write_project

from conftest import PROJECTS, Frontend

WHEEL = "hello-1.0-py3-none-any.whl"


def output(*command: str | Path, cwd: Path | None = None) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120, cwd=cwd).stdout


@pytest.fixture
def hello_project(tmp_path: Path) -> Path:
    return shutil.copytree(PROJECTS / "hello", tmp_path / "hello")


def check_wheel(wheel: Path, frontend: Frontend, target: Path) -> None:
    """Install the wheel, which checks it, and call what is in it."""
    options = ("--quiet", "--no-deps", "--no-index", "--target", target)
    result = frontend.run("-m", "pip", "install", *options, wheel)
    assert result.returncode == 0, result.stderr
    code = f"import sys; sys.path.insert(0, {str(target)!r}); import hello; hello.main()"
    assert frontend.run("-c", code).stdout == "hello\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "also"),
    [
        (["--wheel", "-C", "oxidize.executable=hello"], []),
        (["--wheel", "-C", "oxidize.executable=hello", "--no-isolation"], []),
        (["--wheel", "-C", "oxidize.executable=all", "--no-isolation"], []),
        (["-C", "oxidize.executable=hello", "--no-isolation"], ["hello-1.0.tar.gz"]),
    ],
    ids=["isolated", "not isolated", "all", "through an sdist"],
)
def test_config_setting(
    frontend: Frontend, hello_project: Path, tmp_path: Path, arguments: list[str], also: list[str]
) -> None:
    result = frontend.run("-m", "build", *arguments, cwd=hello_project)
    assert result.returncode == 0, result.stderr
    dist = hello_project / "dist"
    assert names(dist) == ["hello", WHEEL, *also]
    assert output(dist / "hello") == "hello\n"
    check_wheel(dist / WHEEL, frontend, tmp_path / "installed")


@pytest.mark.slow
def test_uv_build(frontend: Frontend, wheelhouse: Path, hello_project: Path, tmp_path: Path) -> None:
    uv = Path(sysconfig.get_path("scripts")) / "uv"
    links = [str(wheelhouse), *filter(None, [os.environ.get("UV_FIND_LINKS")])]
    environment = frontend.environment | {"UV_FIND_LINKS": ",".join(links)}
    command: list[str | Path] = [
        uv,
        "build",
        "--wheel",
        "--python",
        sys.executable,
        "-C",
        "oxidize.executable=hello",
    ]
    done = subprocess.run(
        command, cwd=hello_project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    dist = hello_project / "dist"
    assert [name for name in names(dist) if name != ".gitignore"] == ["hello", WHEEL]
    assert output(dist / "hello") == "hello\n"
    check_wheel(dist / WHEEL, frontend, tmp_path / "installed")


def test_without_the_setting_there_is_only_a_wheel(frontend: Frontend, hello_project: Path) -> None:
    result = frontend.run("-m", "build", "--wheel", "--no-isolation", cwd=hello_project)
    assert result.returncode == 0, result.stderr
    assert names(hello_project / "dist") == [WHEEL]


BACKENDS = ["setuptools.build_meta", "hatchling.build", "flit_core.buildapi"]


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_wrapped_backend_in_an_isolated_build(backend: str, frontend: Frontend, tmp_path: Path) -> None:
    """The project requires oxidize-build and nothing else: the hooks ask for the wrapped backend."""
    tables = "" if backend == BACKENDS[0] else f'[tool.oxidize]\nwheel-backend = "{backend}"\n'
    project = write_project(tmp_path / "project", tables=tables)
    dist = frontend.build(project, "--wheel")
    executable, wheel = names(dist)
    assert executable == "app"
    assert re.fullmatch(r"app-1\.0-(py2\.)?py3-none-any\.whl", wheel)
    assert output(dist / "app") == "hello\n"


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_editable_install(backend: str, frontend: Frontend, tmp_path: Path) -> None:
    project = write_project(tmp_path / "project", tables=f'[tool.oxidize]\nwheel-backend = "{backend}"\n')
    subprocess.run([sys.executable, "-m", "virtualenv", "--quiet", tmp_path / "venv"], check=True)
    venv = replace(frontend, python=tmp_path / "venv" / "bin" / "python")
    result = venv.run("-m", "pip", "install", "--quiet", "--editable", project)
    assert result.returncode == 0, result.stderr
    assert output(venv.python.with_name("app")) == "hello\n"
    (project / "app.py").write_text(HELLO.replace("hello", "changed without installing again"))
    assert output(venv.python.with_name("app")) == "changed without installing again\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "files",
    [
        {
            "setup.cfg": "[metadata]\nname = app\nversion = 1\n[options]\npy_modules = app\n"
            "[options.entry_points]\nconsole_scripts =\n    app = app:main\n"
        },
        {
            "setup.py": "from setuptools import setup\nsetup(name='app', version='1', py_modules=['app'],\n"
            "      entry_points={'console_scripts': ['app = app:main']})\n"
        },
    ],
    ids=lambda files: next(iter(files)),
)
def test_entry_points_that_only_the_wheel_knows(
    files: dict[str, str], frontend: Frontend, tmp_path: Path
) -> None:
    project = write_files(tmp_path / "project", {"pyproject.toml": BUILD_SYSTEM, "app.py": HELLO, **files})
    dist = frontend.build(project, "--no-isolation")
    assert names(dist) == ["app"]
    assert output(dist / "app") == "hello\n"


SCRIPTS = """
[project.scripts]
one = "app:one"
two = "app:Tool.two"
[project.gui-scripts]
window = "app:window"
"""
SCRIPTS_CODE = """
import sys

def one():
    print("one", *sys.argv[1:])

class Tool:
    @staticmethod
    def two():
        return 2

def window():
    return "closed"
"""


@pytest.mark.slow
def test_every_script_is_an_executable(frontend: Frontend, tmp_path: Path) -> None:
    project = write_project(tmp_path / "project", code=SCRIPTS_CODE, metadata=SCRIPTS)
    dist = frontend.build(project, "--no-isolation")
    assert names(dist) == ["one", "two", "window"]
    assert output(dist / "one", "a", "-b") == "one a -b\n"
    assert subprocess.run([dist / "two"], check=False).returncode == 2
    window = subprocess.run([dist / "window"], check=False, stderr=subprocess.PIPE)
    assert (window.returncode, window.stderr) == (1, b"closed\n")
    shutil.rmtree(dist)
    result = frontend.run("-m", "build", "--no-isolation", "--executable", "two", cwd=project)
    assert result.returncode == 0, result.stderr
    assert names(dist) == ["two"]


@pytest.mark.slow
def test_zig_where_there_is_no_other_compiler(frontend: Frontend, tmp_path: Path) -> None:
    """The package ziglang is a compiler that needs no root: the stub must come out of it too."""
    site = tmp_path / "site"
    purelib = Path(sysconfig.get_path("purelib"))
    if (purelib / "ziglang").is_dir():
        site.mkdir()
        (site / "ziglang").symlink_to(purelib / "ziglang")
    else:
        result = frontend.run("-m", "pip", "install", "--quiet", "--target", site, "ziglang")
        assert result.returncode == 0, result.stderr
    (tmp_path / "bin").mkdir()
    without = {"PATH": str(tmp_path / "bin"), "PYTHONPATH": str(site), "HOME": str(tmp_path)}
    environment = {key: value for key, value in frontend.environment.items() if key != "CC"} | without
    environment["OXIDIZE_CACHE_DIR"] = str(tmp_path / "cache")
    project = write_project(tmp_path / "project")
    dist = replace(frontend, environment=environment).build(project, "--no-isolation")
    assert output(dist / "app") == "hello\n"
