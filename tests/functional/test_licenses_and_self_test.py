"""Documents about what an executable contains, the audit, and the self-test of executables."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from making import write_files, write_project

from conftest import Frontend

COPYLEFT = {
    "pyproject.toml": """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "copyleft"
version = "2.0"
license = "GPL-3.0-or-later"
[tool.setuptools]
py-modules = ["copyleft"]
""",
    "copyleft.py": "",
}


def wheel_of(folder: Path, files: dict[str, str], frontend: Frontend) -> Path:
    """Write a project and return a directory with its wheel."""
    write_files(folder, files)
    done = frontend.run("-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder / "wheels", folder)
    assert done.returncode == 0, done.stderr
    return folder / "wheels"


@pytest.mark.slow
def test_documents(frontend: Frontend, tmp_path: Path) -> None:
    project = write_project(tmp_path / "app", metadata='license = "MIT"\ndependencies = ["pyflakes==3.4.0"]')
    dist = frontend.build(project, "--no-isolation")
    bill = (dist / "app.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None
    names = {component["name"] for component in json.loads(bill)["components"]}
    assert {"app", "pyflakes", "CPython"} <= names
    texts = (dist / "app.licenses.txt").read_text()
    assert ["pyflakes==3.4.0", "MIT"] in [line.split() for line in texts.splitlines()]
    for option, file in (("--sbom", "app.cdx.json"), ("--texts", "app.licenses.txt")):
        done = frontend.run("-m", "oxidize_build", "licenses", option, dist / "app")
        assert done.stdout == (dist / file).read_text()
    table = frontend.run("-m", "oxidize_build", "licenses", "--json", dist / "app").stdout
    assert {"name": "app", "version": "1.0", "license": "MIT"} in json.loads(table)


@pytest.mark.slow
def test_bill_is_a_part_of_the_metadata(frontend: Frontend, tmp_path: Path) -> None:
    """PEP 770, and RECORD agrees with it."""
    code = """\
import importlib.metadata, json
def main():
    (bill,) = [path for path in importlib.metadata.files("app") if "sboms" in path.parts]
    data = bill.read_binary()
    assert bill.size == len(data)
    print(json.loads(data)["bomFormat"])
"""
    dist = frontend.build(write_project(tmp_path, code=code), "--no-isolation")
    assert subprocess.check_output([dist / "app"], text=True) == "CycloneDX\n"


@pytest.mark.slow
def test_denied_licence(frontend: Frontend, tmp_path: Path) -> None:
    wheels = wheel_of(tmp_path / "copyleft", COPYLEFT, frontend)
    middle = COPYLEFT["pyproject.toml"].replace("copyleft", "middle").replace("GPL-3.0-or-later", "MIT")
    middle = middle.replace('version = "2.0"', 'version = "2.0"\ndependencies = ["copyleft"]')
    others = wheel_of(tmp_path / "middle", {"pyproject.toml": middle, "middle.py": ""}, frontend)
    project = write_project(
        tmp_path / "app",
        metadata='dependencies = ["middle"]',
        tables='[tool.oxidize.licenses]\ndeny = ["GPL-*"]\nexceptions = ["libreadline8", "libuuid1"]',
    )
    links = f"{wheels} {others} {frontend.environment['PIP_FIND_LINKS']}"
    offline = Frontend(frontend.python, frontend.environment | {"PIP_FIND_LINKS": links})
    done = offline.run("-m", "build", "--executable", "--no-isolation", cwd=project)
    assert done.returncode != 0
    assert "copyleft==2.0: GPL-3.0-or-later is denied by licenses.deny" in done.stderr
    assert "required by app -> middle -> copyleft" in done.stderr
    assert not (project / "dist").exists()


@pytest.fixture(scope="module")
def tested(frontend: Frontend, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An executable with a module that raises, one that ends the process, and one that lacks another."""
    project = write_project(
        tmp_path_factory.mktemp("tested"), tables="[tool.oxidize.executables.app]\nself-test = true"
    )
    text = (project / "pyproject.toml").read_text()
    modules = {"raises": "1 / 0", "dies": "import os; os._exit(3)", "lacks": "import no_such_module"}
    (project / "pyproject.toml").write_text(text.replace('["app"]', json.dumps(["app", *modules])))
    write_files(project, {f"{name}.py": code for name, code in modules.items()})
    return frontend.build(project, "--no-isolation") / "app"


@pytest.mark.slow
def test_verify_run(frontend: Frontend, tested: Path) -> None:
    done = frontend.run("-m", "oxidize_build", "verify", "--run", tested)
    assert done.returncode == 70
    assert "raises: ZeroDivisionError: division by zero" in done.stderr
    assert "dies: ends the process: exit status 3" in done.stderr
    assert "lacks: not usable: ModuleNotFoundError" in done.stdout
    assert "2 packed modules cannot be imported" in done.stderr


@pytest.mark.slow
def test_executable_tests_itself(tested: Path) -> None:
    environment = os.environ | {"OXIDIZE_SELF_TEST": "1"}
    done = subprocess.run([tested], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert set(json.loads(done.stdout)["failed"]) == {"raises", "dies"}
    assert subprocess.check_output([tested], text=True) == "hello\n"


@pytest.mark.slow
def test_switch_is_off_unless_built_in(frontend: Frontend, tmp_path: Path) -> None:
    dist = frontend.build(write_project(tmp_path), "--no-isolation")
    environment = os.environ | {"OXIDIZE_SELF_TEST": "1"}
    assert subprocess.check_output([dist / "app"], env=environment, text=True) == "hello\n"
