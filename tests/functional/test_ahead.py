"""A thread unpacks modules that a start imports. Programs see nothing of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import PROJECTS, Build
from oxidize_build.image.format import Option
from oxidize_build.verify import verify

pytestmark = pytest.mark.slow

ONE_PROCESSOR = ("taskset", "--cpu-list", str(min(os.sched_getaffinity(0))))
several_processors = pytest.mark.skipif(
    len(os.sched_getaffinity(0)) == 1 and not os.environ.get("CI"), reason="needs two processors"
)


@pytest.fixture(scope="session")
def ahead(build_either: Build) -> Path:
    return build_either(PROJECTS / "ahead") / "ahead"


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def threads(strace: str, log: Path, *command: str | Path) -> int:
    """Return how many threads *command* has begun."""
    done = run(strace, "-f", "-o", log, "-e", "trace=clone,clone3", *command)
    assert done.returncode == 0, done.stderr
    return len(re.findall(r"clone3?\(.*CLONE_THREAD(?!.*= -1)", log.read_text()))


def test_the_modules_of_the_profile_are_unpacked(ahead: Path) -> None:
    [option] = [option for option in verify(ahead).image.options if option.key is Option.UNPACK_AHEAD]
    assert option.number > 200


@several_processors
def test_there_is_one_thread(ahead: Path, strace: str, tmp_path: Path) -> None:
    assert threads(strace, tmp_path / "log", ahead, "nothing") == 1


def test_there_is_none_on_a_single_processor(ahead: Path, strace: str, tmp_path: Path) -> None:
    assert threads(strace, tmp_path / "log", *ONE_PROCESSOR, ahead, "nothing") == 0


@several_processors
def test_a_thread_that_has_ended_takes_no_processor_away(ahead: Path, strace: str, tmp_path: Path) -> None:
    late = ["trace=clone,clone3,sched_setaffinity", "inject=clone,clone3:delay_exit=400000:when=1"]
    log = tmp_path / "log"
    done = run(strace, "-f", "-o", log, "-e", late[0], "-e", late[1], ahead, "processors")
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) == len(os.sched_getaffinity(0))
    assert "sched_setaffinity" in log.read_text()


@pytest.mark.parametrize("prefix", [(), ONE_PROCESSOR, ("prlimit", "--nproc=1", "--as=900000000")])
def test_imports_are_the_same(prefix: tuple[str, ...], ahead: Path) -> None:
    for _ in range(5):
        done = run(*prefix, ahead, "imports")
        assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


def test_a_child_has_a_single_thread_and_all_modules(ahead: Path) -> None:
    """Python warns of a fork where there is more than one thread."""
    for _ in range(5):
        done = run(ahead, "fork")
        assert (done.returncode, done.stdout, done.stderr) == (0, "7\n", "")


def test_what_only_a_single_thread_may_do(ahead: Path) -> None:
    for _ in range(5):
        done = run(ahead, "unshare")
        assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


@pytest.mark.parametrize(("name", "mode", "status"), [("pdb", "imports", 70), ("pdb", "nothing", 0)])
def test_damage_is_told_by_who_imports_it(
    name: str, mode: str, status: int, ahead: Path, tmp_path: Path
) -> None:
    report = verify(ahead)
    [file] = [file for file in report.image.files if file.path.name.startswith(f"{name}.cpython-")]
    data = bytearray(ahead.read_bytes())
    data[report.image_offset + file.offset + file.stored_size // 2] ^= 0x10
    copy = Path(shutil.copy(ahead, tmp_path / "app"))
    copy.write_bytes(data)
    done = run(copy, mode)
    assert done.returncode == status
    assert ("a packed file is damaged" in done.stderr) == (status != 0)
