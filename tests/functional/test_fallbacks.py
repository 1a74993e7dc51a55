"""Stock binary wheels without files, and what happens where the system refuses ways to load them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from making import only_file

from conftest import EXAMPLES, PROJECTS, Jail

Build = Callable[[Path], Path]
ANSWER = "-2.0 [[-2.0, 1.0], [1.5, -0.5]]\n"
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "OPENBLAS_NUM_THREADS": "1",
    "REFUSING": Path(__file__).with_name("refusing.py").read_text("utf-8"),
}


@pytest.fixture(scope="module")
def native(build: Build) -> Path:
    return build(PROJECTS / "native") / "native"


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=ENVIRONMENT)


def in_namespace(script: str, native: Path) -> subprocess.CompletedProcess[str]:
    """Run a shell script as root in namespaces of its own; $0 is the executable."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("mounting needs root and util-linux")
    command = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-ec", script, str(native)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=ENVIRONMENT)


def test_stock_wheels_load(native: Path) -> None:
    result = run(native)
    assert (result.returncode, result.stdout) == (0, ANSWER), result.stderr


def changing_calls(log: Path) -> list[str]:
    """Return the traced calls that create or write a file, or touch the temporary folder."""
    writes = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|\b(creat|mkdir|rename|unlink|mknod|symlink|link)(at2?)?\(")
    lines = log.read_text().splitlines()
    return [line for line in lines if writes.search(line) or ('"/tmp' in line and "execve" not in line)]


@pytest.mark.parametrize("project", [PROJECTS / "native", EXAMPLES / "greeter"], ids=lambda path: path.name)
def test_nothing_is_written(project: Path, build: Build, strace: str) -> None:
    """Traced from outside /tmp, so that the executable's own path is not taken for an access to it."""
    built = only_file(build(project))
    folder = Path("/var/tmp/oxidize-test") / str(os.getpid())
    folder.mkdir(parents=True)
    try:
        executable = Path(shutil.copy(built, folder))
        log = folder / "log"
        command = [strace, "-f", "-o", str(log), "-e", "trace=%file", str(executable)]
        arguments = ["--once"] if project.name == "greeter" else []
        result = run(*command, *arguments)
        assert result.returncode == 0, result.stderr
        assert changing_calls(log) == []
    finally:
        shutil.rmtree(folder)


def test_without_proc_and_temporary_directories(native: Path, jail: Jail) -> None:
    """The jail has neither: the loader gets the libraries by syscall user dispatch.

    The parts of libc that manylinux wheels name beside libc.so.6 have to be there.
    """
    result = run(*jail(native, libraries=("libpthread.so.0", "libdl.so.2", "librt.so.1")))
    assert (result.returncode, result.stdout) == (0, ANSWER), result.stderr


def test_with_tmp_that_is_not_executable(native: Path) -> None:
    result = in_namespace("mount -t tmpfs -o noexec none /tmp; cp $0 /dev/shm/x; exec /dev/shm/x", native)
    if "No such file" in result.stderr:  # the executable itself stands in /tmp
        copy = Path(shutil.copy(native, "/var/tmp/oxidize-native"))
        try:
            result = in_namespace("mount -t tmpfs -o noexec none /tmp; exec $0", copy)
        finally:
            copy.unlink()
    assert (result.returncode, result.stdout) == (0, ANSWER), result.stderr


WITHOUT_DISPATCH = f'{Path(sys.executable).resolve()} -c "$REFUSING"'
"""Libraries are copied then, not mapped from the executable. What it needs is hidden by no mount."""
REFUSE_MEMORY_FILES = "echo 2 > /proc/sys/vm/memfd_noexec 2>/dev/null || exit 77;"


def test_mapped_libraries_need_no_memory_files(native: Path) -> None:
    result = in_namespace(f"{REFUSE_MEMORY_FILES} exec $0", native)
    if result.returncode == 77:
        pytest.skip("this kernel has no vm.memfd_noexec")
    assert (result.returncode, result.stdout) == (0, ANSWER), result.stderr


def test_where_memory_files_may_not_be_executed(native: Path) -> None:
    """A temporary file without a name takes their place."""
    result = in_namespace(f"{REFUSE_MEMORY_FILES} exec {WITHOUT_DISPATCH} $0", native)
    if result.returncode == 77:
        pytest.skip("this kernel has no vm.memfd_noexec")
    assert (result.returncode, result.stdout) == (0, ANSWER), result.stderr


def test_where_nothing_may_be_executed_the_error_says_so(native: Path) -> None:
    folders = "for d in /tmp /var/tmp /dev/shm; do mount -t tmpfs -o ro,noexec none $d; done;"
    copy = Path(shutil.copy(native, "/opt/oxidize-native"))
    try:
        result = in_namespace(f"{REFUSE_MEMORY_FILES} {folders} exec {WITHOUT_DISPATCH} $0", copy)
    finally:
        copy.unlink()
    if result.returncode == 77:
        pytest.skip("this kernel has no vm.memfd_noexec")
    assert result.returncode == 1
    assert "executable memory files" in result.stderr
    assert "no temporary directory" in result.stderr
