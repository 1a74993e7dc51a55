"""The stub's C sources: no compiler has anything to say about them."""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from oxidize_build import link
from oxidize_build.runtime.model import Runtime

STUB = Path(__file__).parents[1] / "stub"
SOURCES = sorted(STUB.glob("*.c"))


@pytest.mark.parametrize("compiler", ["gcc", "clang", "clang-19"])
def test_no_warnings(compiler: str, runtime: Runtime) -> None:
    if shutil.which(compiler) is None:
        if os.environ.get("CI") and compiler in {"gcc", "clang"}:
            pytest.fail(f"CI has to install {compiler}")
        pytest.skip(f"needs {compiler}")
    includes = [f"-isystem{path}" for path in runtime.include_dirs]
    flags = [*link.COMPILE_FLAGS, "-Wall", "-Wextra", "-Werror", *includes]

    def complaints(source: Path) -> str:
        command = [compiler, *flags, "-c", str(source), "-o", os.devnull]
        return subprocess.run(command, capture_output=True, text=True, check=False).stderr

    with ThreadPoolExecutor(2) as pool:
        said = dict(zip(SOURCES, pool.map(complaints, SOURCES), strict=True))
    assert said
    assert [text for text in said.values() if text] == []
