"""A runtime's archive as a wheel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from runtime_samples import facts_of, pack, python_json, write_tree

from oxidize_build.cache import Cache
from oxidize_build.errors import RuntimeNotUsableError
from oxidize_build.runtime import Runtime
from oxidize_build.runtime.find import find_runtime
from oxidize_build.runtime.store import RuntimeStore
from oxidize_build.runtime.wheel import distribution_name, platform_tags, write_runtime_wheel
from oxidize_build.unpacked_wheel import unpack

NAME = "oxidize_runtime_cp314-3.14.7-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    info = python_json()
    return pack(write_tree(tmp_path / "tree", info, facts_of(info)), tmp_path / "cpython-3.14.7-pgo.tar.zst")


def test_wheel_is_sound(archive: Path, tmp_path: Path, cache: Cache) -> None:
    wheel = write_runtime_wheel(archive, tmp_path / "out", RuntimeStore(cache))
    assert wheel == tmp_path / "out" / NAME
    unpacked = unpack(wheel, cache)
    assert (unpacked.name, unpacked.version) == ("oxidize-runtime-cp314", "3.14.7")
    held = unpacked.root / "oxidize_runtime_cp314" / archive.name
    assert held.read_bytes() == archive.read_bytes()
    metadata = (unpacked.root / unpacked.dist_info / "METADATA").read_text()
    assert "License-Expression: (Python-2.0 AND CNRI-Python) AND (Zlib)\n" in metadata
    assert "License-File: cpython/LICENSE.cpython.txt\n" in metadata
    assert (unpacked.root / unpacked.dist_info / "licenses/cpython/LICENSE.cpython.txt").read_text() == "PSF"
    tags = (unpacked.root / unpacked.dist_info / "WHEEL").read_text()
    assert "Tag: py3-none-manylinux_2_17_x86_64\n" in tags


def test_wheel_is_reproducible(
    archive: Path, tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write_runtime_wheel(archive, tmp_path / "a", RuntimeStore(cache))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1600000000")
    second = write_runtime_wheel(archive, tmp_path / "b", RuntimeStore(cache))
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as opened:
        assert {member.date_time[0] for member in opened.infolist()} == {1980}


def test_installed_wheel_is_found(
    archive: Path, tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = write_runtime_wheel(archive, tmp_path, RuntimeStore(cache))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(tmp_path / "site"), str(wheel)], check=True)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    runtime = find_runtime("3.14", cache)
    assert runtime.version == "3.14.7"
    (stored,) = [entry for entry in RuntimeStore(cache).entries() if entry.origin == "wheel"]
    assert (stored.name, stored.source) == ("cpython-3.14.7-pgo", "oxidize-runtime-cp314 3.14.7")


@pytest.mark.parametrize(
    ("changes", "name", "tags"),
    [
        ({"glibc": "2.17"}, "cp313", ["manylinux_2_17", "manylinux2014"]),
        ({"glibc": "2.28"}, "cp313", ["manylinux_2_28"]),
        ({"glibc": "2.28", "free_threaded": True}, "cp313t", ["manylinux_2_28"]),
        ({"libc": "musl"}, "cp313-musl", ["manylinux_2_17", "manylinux2014", "musllinux_1_1"]),
    ],
)
def test_names_and_tags(changes: dict[str, Any], name: str, tags: list[str], toy_runtime: Runtime) -> None:
    runtime = replace(toy_runtime, **changes)
    assert distribution_name(runtime) == f"oxidize-runtime-{name}"
    assert platform_tags(runtime) == tuple(f"{tag}_x86_64" for tag in tags)


def test_unknown_glibc(toy_runtime: Runtime) -> None:
    with pytest.raises(RuntimeNotUsableError, match="does not tell which version of glibc"):
        platform_tags(toy_runtime)


def test_licence_that_spdx_does_not_know(tmp_path: Path, cache: Cache) -> None:
    info = python_json(licenses=["Something of its own"])
    archive = pack(write_tree(tmp_path / "tree", info, facts_of(info)), tmp_path / "a.tar.gz")
    wheel = write_runtime_wheel(archive, tmp_path, RuntimeStore(cache))
    unpacked = unpack(wheel, cache)
    assert "License-Expression" not in (unpacked.root / unpacked.dist_info / "METADATA").read_text()
