"""``oxidize runtime``."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from runtime_samples import facts_of, pack, python_json, write_tree

from oxidize_build.cache import ENVIRONMENT_VARIABLE
from oxidize_build.cli import main
from oxidize_build.runtime import store as store_module
from oxidize_build.runtime.build import building, request
from oxidize_build.runtime.fetch import MIRROR_VARIABLE

NAME = "cpython-3.14.7-x86_64-unknown-linux-gnu-pgo"


@pytest.fixture(autouse=True)
def _empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    monkeypatch.setattr(store_module, "_installed", lambda: iter(()))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    info = python_json()
    folder = tmp_path / "mirror"
    folder.mkdir()
    return pack(write_tree(tmp_path / "tree", info, facts_of(info)), folder / f"{NAME}.tar.zst")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run(*args: str | Path) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(arg) for arg in ("runtime", *args)])
    return int(caught.value.code or 0)


def printed(capsys: pytest.CaptureFixture[str], *args: str | Path) -> str:
    capsys.readouterr()
    assert run(*args) == 0
    return capsys.readouterr().out


def told(capsys: pytest.CaptureFixture[str], *args: str | Path) -> Any:
    return json.loads(printed(capsys, *args, "--json"))


def test_fetched_listed_and_removed(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert printed(capsys, "list") == ""
    assert told(capsys, "list") == []
    url = archive.as_uri()
    assert printed(capsys, "fetch", url, "--sha256", sha256(archive)) == f"{NAME}\n"
    assert printed(capsys, "list") == f"{NAME}: Python 3.14.7, glibc 2.17, pgo; from {url}\n"
    (entry,) = told(capsys, "list")
    assert entry["name"] == NAME
    assert (entry["version"], entry["libc"], entry["glibc"]) == ("3.14.7", "glibc", "2.17")
    assert (entry["origin"], entry["optimizations"], entry["free_threaded"]) == ("cache", ["pgo"], False)
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.suffix in {".zst", ".json", ".a"}]
    assert len(kept) > 3
    assert printed(capsys, "remove", NAME) == ""
    assert not [path for path in kept if path.exists()]
    assert told(capsys, "list") == []
    assert run("remove", NAME) == 69


def test_fetched_from_a_mirror(
    archive: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MIRROR_VARIABLE, str(archive.parent))
    assert printed(capsys, "fetch", archive.name, "--sha256", sha256(archive)) == f"{NAME}\n"
    printed(capsys, "remove", NAME)
    assert printed(capsys, "fetch", "3.14.7", "--sha256", sha256(archive)) == f"{NAME}\n"
    assert printed(capsys, "fetch", "3.14", "--sha256", sha256(archive)) == f"{NAME}\n"
    assert run("fetch", "3.14.7", "--sha256", "1" * 64) == 69
    assert f"there: {archive.name}" in capsys.readouterr().err
    assert run("fetch", "3.1", "--sha256", sha256(archive)) == 69
    assert "there: none" in capsys.readouterr().err


def test_fetched_by_version_without_a_mirror(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for mirror in ("", "https://nowhere.invalid/archives"):
        monkeypatch.setenv(MIRROR_VARIABLE, mirror)
        assert run("fetch", "3.14", "--sha256", "1" * 64) == 69
        assert "names no directory of archives" in capsys.readouterr().err


def test_fetched_without_its_hash(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fetch", archive.as_uri()) == 2
    assert "--sha256" in capsys.readouterr().err
    assert run("fetch", archive.as_uri(), "--sha256", "1" * 64) == 69
    assert "expected 1111" in capsys.readouterr().err
    assert told(capsys, "list") == []


def test_fetched_by_no_name_of_an_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "3.14"
    path.touch()
    assert run("fetch", path.as_uri(), "--sha256", sha256(path)) == 69
    assert "'3.14' is not the name of an archive" in capsys.readouterr().err


def test_show(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed(capsys, "fetch", archive.as_uri(), "--sha256", sha256(archive))
    shown = printed(capsys, "show", NAME)
    for part in (f"{NAME}: Python 3.14.7, glibc 2.17, pgo", "3: math sys zlib", "1: _tkinter", "z   Zlib"):
        assert part in shown
    assert "to be linked by a compiler" in shown
    entry = told(capsys, "show", NAME)
    assert entry["components"][0]["name"] == "cpython"
    assert entry["components"][0]["license"] == "Python-2.0 AND CNRI-Python"
    assert (entry["builtin_modules"], entry["shared_modules"]) == (["math", "sys", "zlib"], ["_tkinter"])
    assert entry["sizes"]["libpython"] == 8
    assert entry["ready"] is False


def test_show_what_is_not_kept(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "show", archive)["version"] == "3.14.7"
    host = told(capsys, "show", "host")
    assert host["version"] == sys.version.split()[0]
    assert host["sizes"]["standard library"] > 10_000_000
    assert "math" in [*host["builtin_modules"], *host["shared_modules"]]
    assert run("show", "none") == 69
    assert "there is no runtime named none" in capsys.readouterr().err


def test_wheel(archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(printed(capsys, "wheel", archive, "-o", tmp_path / "out").strip())
    assert path.is_file()
    assert path.name.startswith("oxidize_runtime_cp314-3.14.7-py3-none-manylinux")


def test_built_runtime_is_kept(
    archive: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request, "prepare", lambda _request, _cache: archive)
    monkeypatch.setattr(building, "build_runtime", lambda prepared: prepared)
    assert printed(capsys, "build", "3.14") == f"{archive}\n"
    archive.unlink()
    assert [entry["name"] for entry in told(capsys, "list")] == [NAME]
