"""Traced runs, and what they are good for: the order of the image, pruning, pictures."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from making import names, write_files, write_project

from conftest import Frontend
from oxidize_build.verify import verify

pytestmark = pytest.mark.slow

APP = """
import atexit
import os
import signal
import subprocess
import sys
import threading

try:
    import no_such_module
except ImportError:
    no_such_module = None

sys.path.append("/nowhere")
atexit.register(print, "bye")


def work(what):
    if what == "first":
        import colorsys, importlib
        importlib._bootstrap._find_and_load("stat", import_=importlib._bootstrap._gcd_import)
        import tools.used
        print(tools.used.text())
        thread = threading.Thread(target=__import__, args=("wave",))
        thread.start()
        thread.join()
        return 0
    if what == "second":
        import plistlib
        return 3
    if what == "children":
        import multiprocessing
        subprocess.run([sys.executable, "-c", "import netrc"], env={}, check=True)
        subprocess.run([sys.executable, "-m", "tools.ran"], check=True, cwd="/")
        process = multiprocessing.get_context("spawn").Process(target=work, args=("worker",))
        process.start()
        process.join()
        for end in (lambda: os._exit(0), lambda: os.kill(os.getpid(), signal.SIGKILL)):
            if os.fork() == 0:
                import mailbox
                end()
            os.wait()
        return 0
    if what == "worker":
        import tomllib
        return 0
    exec(what)
    return 0


def main():
    sys.exit(work(sys.argv[1]))
"""
FILES = {
    "tools/__init__.py": "",
    "tools/used.py": (
        "import pathlib\ndef text():\n    return pathlib.Path(__file__).with_name('text.txt').read_text()\n"
    ),
    "tools/ran.py": "import tools.used\nimport getopt\n",
    "tools/rare.py": "",
    "tools/text.txt": "read",
    "tools/other.txt": "not read",
}
TABLES = """
[tool.oxidize]
write-modules-directory-env = "APP_MODULES"
"""
PRUNED = """
prune = "profile"
[[tool.oxidize.rules]]
module = "graphlib"
include = true
"""


def oxidize(frontend: Frontend, *arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return frontend.run("-m", "oxidize_build", *arguments, cwd=cwd)


def run(
    executable: Path, *arguments: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(env or {})},
    )


def profile_of(project: Path) -> dict[str, Any]:
    text = (project / "oxidize-profile.json").read_text(encoding="utf-8")
    assert str(project) not in text
    profile = json.loads(text)["executables"]["app"]
    assert isinstance(profile, dict)
    return profile


@pytest.fixture(scope="module")
def traced(frontend: Frontend, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A project of which two runs have been traced, and the profile after the first one."""
    project = write_project(tmp_path_factory.mktemp("trace") / "app", code=APP, tables=TABLES)
    write_files(project, FILES)
    settings = (project / "pyproject.toml").read_text()
    settings = settings.replace("py-modules", 'packages = ["tools"]\npy-modules')
    (project / "pyproject.toml").write_text(
        settings.replace(
            "[tool.oxidize]", '[tool.setuptools.package-data]\ntools = ["*.txt"]\n[tool.oxidize]'
        )
    )
    first = oxidize(frontend, "trace", "--", "first", cwd=project)
    assert (first.returncode, first.stdout) == (0, "read\nbye\n"), first.stderr
    assert f"{project}/oxidize-profile.json: " in first.stderr
    after_first = profile_of(project)
    second = oxidize(frontend, "trace", "app", "--flame", "../flame.html", "--", "second", cwd=project)
    assert (second.returncode, second.stdout) == (3, "bye\n"), second.stderr
    assert "plistlib" in (project.parent / "flame.html").read_text(encoding="utf-8")
    assert "building" not in second.stderr
    third = oxidize(frontend, "trace", "app", "--", "children", cwd=project)
    assert third.returncode == 0, third.stderr
    return project, after_first


def test_what_a_run_has_used_in_order(traced: tuple[Path, dict[str, Any]]) -> None:
    _, profile = traced
    modules = {module["name"]: module for module in profile["modules"]}
    order = list(modules)
    used = ["encodings", "app", "atexit", "subprocess", "colorsys", "tools", "tools.used", "pathlib", "wave"]
    assert [name for name in order if name in used] == used
    assert modules["atexit"]["parent"] == "app"
    assert modules["pathlib"]["parent"] == "tools.used"
    assert "parent" not in modules["tools.used"]
    assert modules["app"]["effects"] == ["atexit", "imports"]
    assert not {"no_such_module", "plistlib", "tools.rare", "__main__"} & set(order)
    assert profile["files"] == ["lib/python/site-packages/tools/text.txt"]


def test_runs_and_children_are_added(traced: tuple[Path, dict[str, Any]]) -> None:
    project, first = traced
    modules = {module["name"]: module for module in profile_of(project)["modules"]}
    before = [module["name"] for module in first["modules"]]
    assert [name for name in modules if name in before] == before
    assert "plistlib" in modules
    for name in ("netrc", "tools.ran", "getopt", "tomllib", "mailbox"):
        assert modules[name]["child"], name
    assert "child" not in modules["multiprocessing"]
    assert names(project / "build" / "traced") == ["app"]


def test_pictures_and_tables(traced: tuple[Path, dict[str, Any]], frontend: Frontend, tmp_path: Path) -> None:
    project, _ = traced
    drawn = oxidize(frontend, "profile", "--flame", tmp_path / "flame.svg", cwd=project)
    assert drawn.stdout == f"{tmp_path}/flame.svg\n", drawn.stderr
    titles = [element.text or "" for element in ET.parse(tmp_path / "flame.svg").iter()]
    assert any(title.startswith("subprocess: ") for title in titles)
    told = oxidize(frontend, "profile", "app", "--top", "3", "--by", "total", cwd=project).stdout
    assert "   own ms  total ms  module" in told
    assert len(told.splitlines()) == 3 + 1 + 3 + 1
    inspected = oxidize(
        frontend, "inspect", "build/traced/app", "--profile", "oxidize-profile.json", cwd=project
    )
    assert "of which no traced run has used:" in inspected.stdout, inspected.stderr
    unknown = oxidize(frontend, "profile", "ap", cwd=project)
    assert unknown.returncode == 65
    assert "did you mean 'app'?" in unknown.stderr


@pytest.fixture(scope="module")
def pruned(traced: tuple[Path, dict[str, Any]], frontend: Frontend) -> Path:
    project, _ = traced
    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(PRUNED)
    done = oxidize(frontend, "build", "--json", cwd=project)
    assert done.returncode == 0, done.stderr
    (account,) = json.loads(done.stdout)["executables"]
    assert {"csv", "tools.rare"} <= set(account["pruned"])
    site = next(name for name in account["pruned"] if name.endswith("tools/other.txt"))
    assert site.startswith("lib/python3.")
    return project / "dist" / "app"


def test_a_pruned_executable_does_what_was_traced(pruned: Path) -> None:
    assert pruned.stat().st_size < (pruned.parents[1] / "build" / "traced" / "app").stat().st_size * 0.7
    assert run(pruned, "first").stdout == "read\nbye\n"
    assert run(pruned, "second").returncode == 3
    assert run(pruned, "children").returncode == 0
    assert run(pruned, "import graphlib, encodings.cp1252").returncode == 0


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("import csv", "csv"),
        ("from tools import rare", "tools.rare"),
        ("import xml.sax.handler", "xml.sax"),
        ("import importlib; importlib.import_module('tools.rare')", "tools.rare"),
    ],
)
def test_a_pruned_module_says_so(pruned: Path, statement: str, name: str) -> None:
    done = run(pruned, statement)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"ModuleNotFoundError: No module named '{name}': it was pruned, as no traced run in "
        "oxidize-profile.json has used it. To keep it trace a run that does, or add the rule "
        f'{{ module = "{name}", include = true }} to tool.oxidize.rules'
    )


ABSENT = """
import importlib.util
assert importlib.util.find_spec("csv") is importlib.util.find_spec("tools.rare") is None
for name in ("csv", "tools.rare"):
    try:
        __import__(name)
    except ModuleNotFoundError as error:
        assert error.name == name, error.name
        assert error.args == (str(error),)
try:
    from tools import rare
except ImportError as error:
    assert error.name == "tools.rare"
try:
    from tools import nothing
except ImportError as error:
    assert type(error) is ImportError and "pruned" not in str(error)
try:
    importlib._bootstrap._find_and_load("csv", import_=importlib._bootstrap._gcd_import)
except ImportError as error:
    assert "it was pruned" in str(error)
try:
    import nothing
except ImportError as error:
    assert str(error) == "No module named 'nothing'"
from tools import *
import sys
sys.path.append("FOLDER")
import csv
assert csv.found
print("absent")
"""


def test_a_pruned_module_is_absent_to_who_looks_for_it(pruned: Path, tmp_path: Path) -> None:
    (tmp_path / "csv.py").write_text("found = True")
    done = run(pruned, ABSENT.replace("FOLDER", str(tmp_path)))
    assert done.stdout == "absent\nbye\n", done.stderr


def test_what_is_used_first_stands_first(pruned: Path) -> None:
    report = verify(pruned)
    bytecode = {str(module.bytecode): module.name for module in report.image.modules}
    files = sorted(report.image.files, key=lambda file: file.offset)
    order = [bytecode[str(file.path)] for file in files if str(file.path) in bytecode]
    used = ["app", "subprocess", "colorsys", "tools", "tools.used", "wave", "graphlib"]
    assert [name for name in order if name in used] == used


def test_only_a_traced_build_tells(pruned: Path, tmp_path: Path) -> None:
    folder = pruned.with_name("app.trace")
    folder.mkdir()
    assert run(pruned, "first", env={"OXIDIZE_TRACE": str(tmp_path)}).returncode == 0
    assert list(folder.iterdir()) == list(tmp_path.iterdir()) == []


def test_the_names_of_all_modules_at_the_end(pruned: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "modules"
    assert run(pruned, "first", env={"APP_MODULES": str(folder)}).returncode == 0
    (listed,) = (path.read_text().splitlines() for path in folder.iterdir())
    assert {"sys", "app", "colorsys", "__main__"} <= set(listed)
    assert "plistlib" not in listed
    assert run(pruned, "first", env={"APP_MODULES": "/dev/null/x"}).returncode == 0


def test_nothing_to_prune_by(frontend: Frontend, tmp_path: Path) -> None:
    project = write_project(tmp_path / "app", tables='[tool.oxidize]\nprune = "profile"\n')
    done = oxidize(frontend, "build", cwd=project)
    assert done.returncode == 78
    assert "found prune = 'profile', but there is no oxidize-profile.json" in done.stderr
