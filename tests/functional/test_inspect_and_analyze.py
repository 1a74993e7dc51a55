"""``oxidize inspect`` and ``oxidize analyze`` on an executable of oxidize's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import Frontend

pytestmark = pytest.mark.slow


def oxidize(frontend: Frontend, *arguments: str | Path) -> str:
    done = frontend.run("-m", "oxidize_build", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_packages_and_kinds(frontend: Frontend, hello: Path) -> None:
    told = oxidize(frontend, "inspect", hello)
    assert "by kind" in told
    assert " bytecode\n" in told
    packages = told.partition("by package")[2]
    assert packages.index("  python\n") < packages.index("  hello\n")
    assert "(2 more)" in oxidize(frontend, "inspect", "--top", str(packages.count("%") - 2), hello)


def test_tree(frontend: Frontend, hello: Path) -> None:
    told = oxidize(frontend, "inspect", "--tree", hello)
    assert "__init__.py\n" in told
    short = oxidize(frontend, "inspect", "--tree", "--depth", "2", hello).splitlines()
    assert any(
        line.endswith("site-packages/")
        for line in oxidize(frontend, "inspect", "--tree", "--depth", "3", hello).splitlines()
    )
    assert 3 < len(short) < 60 < len(told.splitlines())


def test_json(frontend: Frontend, hello: Path) -> None:
    told = json.loads(oxidize(frontend, "inspect", "--json", hello))
    assert told["size"] == hello.stat().st_size == sum(told["parts"].values())
    assert sum(file["size"] for file in told["files"]) == sum(told["packages"].values())
    assert "hello" in told["packages"]


def test_a_browser_draws_the_treemap(frontend: Frontend, hello: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert oxidize(frontend, "inspect", "--html", page, hello) == f"{page}\n"
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("needs Chromium")
    options = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}")
    command = [browser, *options, "--window-size=1200,800", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    drawn = done.stdout.partition('id="map"')[2]
    assert drawn.count("<rect ") > 100
    assert "(interpreter) — " in drawn
    assert "lib-dynload" in drawn


def test_what_is_damaged_is_told(frontend: Frontend, hello: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    cut.write_bytes(hello.read_bytes()[: hello.stat().st_size // 2])
    for command in ("inspect", "analyze"):
        done = frontend.run("-m", "oxidize_build", command, cut)
        assert done.returncode in {65, 70}, done.stderr
        assert done.stderr.startswith("error: ")
    done = frontend.run("-m", "oxidize_build", "inspect", "/bin/true")
    assert (done.returncode, "it was not built by oxidize" in done.stderr) == (70, True)


def test_a_reader_that_has_seen_enough(frontend: Frontend, hello: Path) -> None:
    command = f"{frontend.python} -m oxidize_build inspect --tree {hello} | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env=dict(os.environ) | frontend.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1


def test_analyze_looks_at_what_is_packed(frontend: Frontend, hello: Path) -> None:
    (told,) = json.loads(oxidize(frontend, "analyze", "--json", hello))
    packed = told["packed"]
    assert packed["objects"] > 20
    assert packed["python_version"].count(".") == 2
    stub = max(
        tuple(map(int, symbol["version"].removeprefix("GLIBC_").split(".")))
        for symbol in told["objects"][0]["symbol_versions"]
    )
    whole = tuple(map(int, told["floor"]["version"].split(".")))
    assert whole == max(stub, tuple(map(int, (packed["floor"]["version"] or "0").split("."))))
    names = {library["name"] for library in told["libraries"]}
    assert {"OpenSSL", "zlib"} <= names
