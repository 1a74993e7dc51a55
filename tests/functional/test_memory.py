"""Memory of small objects is taken in huge pages, where the kernel has them and nobody objects."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from making import write_project

Build = Callable[[Path], Path]

OFFERED = Path("/sys/kernel/mm/transparent_hugepage/enabled")
CODE = """\
import re


def main():
    kept = [[number] for number in range(50_000)]
    with open("/proc/self/smaps") as file:
        print(len(re.findall(r"^VmFlags:.* hg\\b", file.read(), re.MULTILINE)), len(kept))
"""
EXECUTABLES = """
[tool.oxidize.executables.huge]
entry-point = "app:main"

[tool.oxidize.executables.small]
entry-point = "app:main"
huge-pages = false

[tool.oxidize.executables.little]
command = "print(open('/proc/self/smaps').read().count(' hg'), 50_000)"
"""


@pytest.fixture(scope="module")
def dist(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = write_project(tmp_path_factory.mktemp("memory"), code=CODE, tables=EXECUTABLES)
    return build(project)


def asked_for(executable: Path) -> int:
    """Return how many areas of memory the program has asked huge pages for."""
    output = subprocess.run([executable], check=True, capture_output=True, text=True, timeout=60).stdout
    areas, kept = map(int, output.split())
    assert kept == 50_000
    return areas


def test_huge_pages_are_asked_for_unless_a_setting_says_no(dist: Path) -> None:
    assert asked_for(dist / "small") == asked_for(dist / "little") == 0
    if not OFFERED.exists():
        pytest.skip("this kernel has no transparent huge pages")
    assert asked_for(dist / "huge") > 0


def test_without_memory_for_huge_pages_small_ones_serve(dist: Path) -> None:
    limit = f"ulimit -v 200000; exec {dist / 'huge'}"
    done = subprocess.run(["sh", "-c", limit], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
