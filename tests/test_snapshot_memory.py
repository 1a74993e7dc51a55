"""The allocator of snapshots in C, under the sanitizers of gcc and clang."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
MEMORY = REPOSITORY / "stub" / "memory.c"
SOURCES = (MEMORY, MEMORY.with_name("first_blocks.c"))
TEST = REPOSITORY / "tests" / "stub" / "test_memory.c"


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("sanitizers", ["address,undefined", "undefined", ""])
def test_blocks_keep_what_is_in_them(compiler: str, sanitizers: str, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"needs {compiler}")
    wrapped = sorted(set(re.findall(r"^WRAPPED\((\w+)\)\(", MEMORY.read_text(), re.MULTILINE)))
    assert "malloc" in wrapped
    program = tmp_path / "test_memory"
    command = [compiler, "-std=gnu11", "-O1", "-g", "-fno-builtin", "-Wall", "-Wextra", "-Werror"]
    command += [f"-I{REPOSITORY / 'stub'}", str(TEST), *map(str, SOURCES), "-o", str(program)]
    command += [f"-Wl,--wrap={name}" for name in wrapped]
    if "address" in sanitizers:
        command.append("-DMEMORY_ARENA=(uintptr_t)0x300000000000")
    if sanitizers:
        command += [f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all"]
    subprocess.run(command, check=True)
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1:allocator_may_return_null=1"}
    done = subprocess.run([program], capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
