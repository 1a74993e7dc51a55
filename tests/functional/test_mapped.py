"""Shared libraries that the loader maps from the executable's own file, and where it cannot."""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import PROJECTS, Frontend, Jail, make_build
from oxidize_build.errors import ImageError
from oxidize_build.verify import verify

pytestmark = pytest.mark.slow

Build = Callable[[Path], Path]
REFUSING = Path(__file__).with_name("refusing.py")
PROJECT = PROJECTS / "mapped"


def kernel_has_dispatch() -> bool:
    """Whether it knows syscall user dispatch: Linux 5.11 and later, on x86_64."""
    version = re.match(r"(\d+)\.(\d+)", platform.release())
    known = version is not None and tuple(map(int, version.groups())) >= (5, 11)
    return known and platform.machine() == "x86_64"


needs_dispatch = pytest.mark.skipif(not kernel_has_dispatch(), reason="no syscall user dispatch")


@pytest.fixture(scope="module")
def mapped(build: Build) -> Path:
    return build(PROJECT) / "mapped"


def told(*command: str | Path) -> dict[str, Any]:
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    if not answer["modules"]:
        pytest.skip("this runtime has no extension modules that are shared libraries")
    return answer


@pytest.fixture(scope="module")
def compressed(frontend: Frontend, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_build(frontend, tmp_path_factory, "compression = true\n")(PROJECT) / "mapped"


@needs_dispatch
@pytest.mark.parametrize("way", ["plain", "threads", "handler", "forked", "replaced"])
def test_libraries_are_mapped_from_the_executable(way: str, mapped: Path, tmp_path: Path) -> None:
    """Each is under its name, none is copied, and no descriptor is left open."""
    answer = told(shutil.copy(mapped, tmp_path), way)
    assert answer["own"] >= answer["modules"] + 1  # its own code
    assert (answer["copied"], answer["named"], answer["descriptors"]) == (0, True, 4)


@pytest.mark.parametrize("way", ["plain", "threads", "handler", "forked", "replaced"])
def test_without_dispatch_they_are_copied(way: str, mapped: Path, tmp_path: Path) -> None:
    answer = told(sys.executable, REFUSING, shutil.copy(mapped, tmp_path), way)
    assert answer["copied"] >= answer["modules"]
    assert (answer["own"], answer["named"], answer["descriptors"]) == (1, True, 4)


def test_compressed_ones_are_copied(compressed: Path) -> None:
    answer = told(compressed, "plain")
    assert answer["copied"] >= answer["modules"]
    assert (answer["own"], answer["named"]) == (1, True)


@needs_dispatch
def test_a_debugger_sees_no_signals(mapped: Path, strace: str, tmp_path: Path) -> None:
    """Where a process is traced, libraries are copied."""
    log = tmp_path / "log"
    answer = told(strace, "-f", "-o", log, "-e", "trace=prctl", mapped, "plain")
    assert answer["copied"] >= answer["modules"]
    assert "SIGSYS" not in log.read_text(encoding="utf-8")


@pytest.mark.parametrize("form", ["mapped", "compressed"])
def test_without_proc(form: str, jail: Jail, request: pytest.FixtureRequest) -> None:
    executable: Path = request.getfixturevalue(form)
    command = jail(executable, "nowhere", libraries=("libpthread.so.0", "libdl.so.2", "librt.so.1"))
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["modules"] >= 0


def test_damage_is_found_by_verify_and_before_a_copy(mapped: Path, tmp_path: Path) -> None:
    """What the kernel maps is not looked at when it is loaded, as the executable's own code is not."""
    copy = Path(shutil.copy(mapped, tmp_path))
    report = verify(copy)
    library = next((file for file in report.image.files if "/_bisect." in str(file.path)), None)
    if library is None:
        pytest.skip("this runtime has no extension modules that are shared libraries")
    with copy.open("r+b") as file:
        file.seek(report.image_offset + library.offset + library.size - 1)
        file.write(b"\x55")
    with pytest.raises(ImageError, match="SHA-256"):
        verify(copy)
    result = subprocess.run(
        [sys.executable, REFUSING, copy, "plain"], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 70
    assert result.stderr == f"{copy}: damaged executable: a packed file is damaged\n"
