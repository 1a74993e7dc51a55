"""Executables of runtimes that come as archives, on a machine without a compiler."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from making import names, write_project
from runtime_samples import LIBRARY, pack, python_json

from conftest import Frontend
from oxidize_build.cache import Cache
from oxidize_build.link import make_stub, stub_key
from oxidize_build.runtime import Runtime

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def archive(runtime: Runtime, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter that runs the tests as an archive with a ready stub, and a static library of no use."""
    short = runtime.short_version
    info = python_json(
        runtime.version,
        python_implementation_hex_version=runtime.hexversion,
        oxidize={"stub": "oxidize/stub", "stub_key": stub_key()},
    )
    folder = tmp_path_factory.mktemp("runtime")
    top = folder / "python"
    stub = make_stub(runtime, Cache(shared / "cache"))
    copies: list[tuple[Path, str]] = [
        (runtime.python.resolve(), f"install/bin/python{short}"),
        (stub, "oxidize/stub"),
    ]
    installation = runtime.stdlib
    shutil.copytree(
        installation,
        top / f"install/lib/python{short}",
        ignore=shutil.ignore_patterns("site-packages", "__pycache__", "test", "config-*", "idlelib", "*.a"),
        symlinks=True,
    )
    for source, name in copies:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, top / name)
    _write(top, info)
    return pack(folder, folder / f"cpython-{runtime.version}-x86_64-unknown-linux-gnu.tar.zst")


def _write(top: Path, info: dict[str, Any]) -> None:
    """Write the file about the archive, and what it names beside."""
    core = info["build_info"]["core"]
    del core["shared_lib"]
    info["build_info"]["extensions"] = {}
    (top / info["python_paths"]["include"]).mkdir(parents=True)
    (top / core["static_lib"]).write_bytes(LIBRARY)
    (top / "licenses").mkdir()
    (top / info["license_path"]).touch()
    (top / "PYTHON.json").write_text(json.dumps(info))


@pytest.fixture
def without_compiler(frontend: Frontend, tmp_path: Path) -> Frontend:
    """The front end where no program is in the path."""
    environment = {name: value for name, value in frontend.environment.items() if name != "CC"}
    (tmp_path / "empty").mkdir()
    cache = str(tmp_path / "cache")
    return Frontend(
        frontend.python, {**environment, "PATH": str(tmp_path / "empty"), "OXIDIZE_CACHE_DIR": cache}
    )


def project(folder: Path, wanted: str) -> Path:
    return write_project(folder, code=CODE, tables=f"[tool.oxidize]\nruntime = {wanted}\n")


CODE = """
import json, sys
def main():
    print(json.dumps([sys.version.split()[0], sys.prefix == sys.executable.removesuffix('/bin/python3')]))
"""


def said(executable: Path) -> Any:
    return json.loads(subprocess.check_output([executable], env={}))


def test_archive_with_a_stub_needs_no_compiler(
    archive: Path, without_compiler: Frontend, runtime: Runtime, tmp_path: Path
) -> None:
    dist = without_compiler.build(project(tmp_path / "app", f'{{path = "{archive}"}}'), "--no-isolation")
    assert names(dist) == ["app"]
    assert said(dist / "app") == [runtime.version, True]


def test_installed_wheel_of_a_runtime_is_found_by_its_version(
    archive: Path, without_compiler: Frontend, runtime: Runtime, tmp_path: Path
) -> None:
    made = without_compiler.run("-m", "oxidize_build", "runtime", "wheel", archive, "-o", tmp_path)
    assert made.returncode == 0, made.stderr
    site = tmp_path / "site"
    pip = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", site)
    installed = without_compiler.run(*pip, made.stdout.strip())
    assert installed.returncode == 0, installed.stderr
    frontend = Frontend(without_compiler.python, {**without_compiler.environment, "PYTHONPATH": str(site)})
    folder = project(tmp_path / "app", f'"{runtime.short_version}"')
    dist = frontend.build(folder, "--no-isolation")
    assert said(dist / "app") == [runtime.version, True]
    again = project(tmp_path / "again", f'"{runtime.short_version}"')
    assert (frontend.build(again, "--no-isolation") / "app").read_bytes() == (dist / "app").read_bytes()


def test_host_runtime_needs_a_compiler(without_compiler: Frontend, tmp_path: Path) -> None:
    folder = project(tmp_path / "app", '"host"')
    result = without_compiler.run("-m", "build", "--executable", "--no-isolation", cwd=folder)
    assert result.returncode != 0
    assert "no C compiler was found" in result.stderr + result.stdout
    assert not (folder / "dist").exists()


def test_no_such_version(without_compiler: Frontend, tmp_path: Path) -> None:
    folder = project(tmp_path / "app", '"3.99"')
    result = without_compiler.run("-m", "build", "--executable", "--no-isolation", cwd=folder)
    assert result.returncode != 0
    assert "there is no runtime of Python 3.99" in result.stderr + result.stdout
    assert "oxidize-runtime-cp399" in result.stderr + result.stdout
    assert not (folder / "dist").exists()
