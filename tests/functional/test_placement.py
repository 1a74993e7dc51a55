"""Files that are real ones at run time: beside the executable, and unpacked into a cache."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from making import names, write_project

from conftest import Frontend

pytestmark = pytest.mark.slow

MakeWheel = Callable[..., Path]

CODE = """
import subprocess, sys, pathlib

def main():
    import beside, unpacked.part, packed
    for module in (beside, unpacked.part, packed):
        print(module.__name__, module.__file__)
    tool = pathlib.Path(unpacked.__file__).with_name("tool.sh")
    print(subprocess.run(["/bin/sh", tool], capture_output=True, text=True).stdout, end="")
    import markupsafe._speedups as speedups
    print(speedups.__file__)
    try:
        packed.fail()
    except ZeroDivisionError:
        import traceback
        print(traceback.format_exc())
    import inspect
    try:
        print(inspect.getsource(packed.fail))
    except OSError as error:
        print(error)
    code = "import beside, unpacked; print(beside.__file__, unpacked.__file__)"
    print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout, end="")
"""
TABLES = """
[tool.oxidize]
dependencies = ["beside", "unpacked", "packed", "markupsafe"]
[[tool.oxidize.rules]]
package = ["beside", "MarkupSafe"]
placement = "filesystem"
[[tool.oxidize.rules]]
module = "unpacked.part"
placement = "extract"
[[tool.oxidize.rules]]
package = "packed"
source = false
optimize = 2
"""
PACKED = b'def fail():\n    "Text."\n    assert False\n    return 1 / 0\n'
LARGE = 64_000_000


@pytest.fixture(scope="module")
def dist(frontend: Frontend, wheel_maker: MakeWheel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The executable, and its tree beside it."""
    folder = tmp_path_factory.mktemp("placement")
    make_wheels(folder / "links", wheel_maker)
    project = write_project(folder / "project", code=CODE, tables=TABLES)
    find_links = f"{folder / 'links'} {frontend.environment['PIP_FIND_LINKS']}"
    own = Frontend(frontend.python, {**frontend.environment, "PIP_FIND_LINKS": find_links})
    return own.build(project, "--no-isolation")


def make_wheels(folder: Path, make_wheel: MakeWheel) -> None:
    make_wheel("beside", folder=folder, files={"beside.py": b"VALUE = 1\n"})
    files = {
        "unpacked/__init__.py": b"",
        "unpacked/part.py": b"VALUE = 2\n",
        "unpacked/tool.sh": b"echo run by sh\n",
        "unpacked/large.bin": bytes(range(256)) * (LARGE // 256),
    }
    make_wheel("unpacked", folder=folder, files=files)
    make_wheel("packed", folder=folder, files={"packed.py": PACKED})


def run(executable: Path, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {"PATH": os.defpath, "HOME": str(home), **environment}
    return subprocess.run([executable], env=own, capture_output=True, text=True, check=False, cwd="/")


def test_every_file_where_it_belongs(dist: Path, tmp_path: Path) -> None:
    assert names(dist) == ["app", "app.d"]
    moved = shutil.copytree(dist, tmp_path / "elsewhere" / "moved")
    done = run(moved / "app", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    (entry,) = [path for path in (tmp_path / ".cache/app").iterdir() if not path.name.startswith(".")]
    site = str(next((moved / "app.d").glob("lib/*/site-packages")).relative_to(moved / "app.d"))
    assert lines[0] == f"beside {moved}/app.d/{site}/beside.py"
    assert lines[1] == f"unpacked.part {entry}/{site}/unpacked/part.py"
    assert lines[2] == f"packed {moved}/app/{site}/packed.pyc"
    assert lines[3] == "run by sh"
    assert lines[4].startswith(f"{moved}/app.d/{site}/markupsafe/_speedups.")
    assert f'File "{moved}/app/{site}/packed.py", line 4, in fail\nZeroDivisionError' in done.stdout
    assert "could not get source code" in lines
    assert lines[-1] == f"{moved}/app.d/{site}/beside.py {entry}/{site}/unpacked/__init__.py"
    (tmp_path / "link").symlink_to(moved / "app")
    assert run(tmp_path / "link", tmp_path).returncode == 0


def test_an_executable_without_its_tree_says_so(dist: Path, tmp_path: Path, frontend: Frontend) -> None:
    shutil.copy(dist / "app", tmp_path / "app")
    done = run(tmp_path / "app", tmp_path)
    assert done.returncode == 72
    assert done.stderr.startswith(f"{tmp_path}/app: its directory app.d is not in {tmp_path}/, or belongs")
    other = shutil.copytree(dist / "app.d", tmp_path / "app.d")
    (marker,) = other.glob("tree-*")
    marker.rename(other / "tree-of-another-build")
    assert run(tmp_path / "app", tmp_path).returncode == 72
    (other / "tree-of-another-build").rename(marker)
    assert run(tmp_path / "app", tmp_path).returncode == 0
    verify = ("-m", "oxidize_build", "verify", tmp_path / "app")
    assert frontend.run(*verify).returncode == 0
    next(other.rglob("beside.py")).write_bytes(b"VALUE = 3\n")
    damaged = frontend.run(*verify)
    assert damaged.returncode == 70
    assert "app.d: is not the directory of files that belongs to app" in damaged.stderr


# --- the cache --------------------------------------------------------------------------------


def entries(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if path.name != ".lock")


def writer_among(processes: Sequence[subprocess.Popen[str]]) -> subprocess.Popen[str]:
    """Return the process that has a file of an unfinished copy open, as soon as there is one."""
    while True:
        for process in processes:
            assert process.poll() is None, "all have to wait for the copy"
            with suppress(OSError):  # a descriptor was closed meanwhile
                for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
                    if "/.new-" in os.readlink(descriptor):  # noqa: PTH115 - it need not be there any more
                        return process


def test_twenty_at_once_of_which_one_is_killed(dist: Path, tmp_path: Path) -> None:
    """The one that makes the copy is killed half-way, while the others wait for it."""
    cache = tmp_path / ".cache" / "app"
    cache.mkdir(parents=True, mode=0o700)
    environment = {"PATH": os.defpath, "HOME": str(tmp_path)}
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # none begins before all are there
        started = [
            subprocess.Popen([dist / "app"], env=environment, stdout=subprocess.PIPE, text=True)
            for _ in range(20)
        ]
    killed = writer_among(started)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    others = [process for process in started if process is not killed]
    said = [process.communicate()[0] for process in others]
    assert [process.returncode for process in others] == [0] * 19
    assert len(set(said)) == 1
    assert "run by sh" in said[0]
    (entry,) = entries(cache)
    assert not entry.startswith(".")
    (large,) = (cache / entry).rglob("large.bin")
    assert large.stat().st_size == LARGE


@pytest.mark.parametrize("damage", ["content", "shorter", "missing", "link", "mode"])
def test_a_damaged_copy_is_replaced(dist: Path, tmp_path: Path, damage: str) -> None:
    assert run(dist / "app", tmp_path).returncode == 0
    (tool,) = tmp_path.rglob("tool.sh")
    status = tool.stat()
    tool.chmod(0o600)
    if damage == "content":
        tool.write_bytes(b"echo run by us\n")
        os.utime(tool, ns=(status.st_mtime_ns, status.st_mtime_ns))
        tool.chmod(0o400)
    elif damage == "shorter":
        tool.write_bytes(b"echo\n")
    elif damage in {"missing", "link"}:
        tool.unlink()
    if damage == "link":
        tool.symlink_to("/bin/true")
    done = run(dist / "app", tmp_path)
    assert done.returncode == 0
    assert "run by sh\n" in done.stdout
    assert tool.read_bytes() == b"echo run by sh\n"
    assert len(entries(tmp_path / ".cache" / "app")) == 1


def test_places_for_the_copy(dist: Path, tmp_path: Path) -> None:
    nowhere = "/proc/nowhere"
    own = tmp_path / "own"
    assert run(dist / "app", tmp_path, XDG_CACHE_HOME=str(own)).returncode == 0
    assert names(own) == ["app"]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = run(dist / "app", Path(nowhere), TMPDIR=str(temporary))
    assert done.returncode == 0
    assert names(temporary) == [f"app-{os.geteuid()}"]
    shared = tmp_path / "shared" / "app"
    shared.mkdir(parents=True)
    shared.chmod(0o777)
    done = run(dist / "app", Path(nowhere), XDG_CACHE_HOME=str(shared.parent), TMPDIR=str(temporary))
    assert done.returncode == 0
    assert names(shared) == [], "others could write there"
