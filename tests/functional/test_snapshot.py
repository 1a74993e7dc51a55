"""An executable that starts from a snapshot does what it does without one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from making import HELLO, write_files, write_project
from starting import NOT_USED, compare, start

from conftest import Build, Jail
from oxidize_build.image.format import SNAPSHOT_TABLES
from oxidize_build.verify import verify

STARTS = 200

LEFT_HALF_IMPORTED = """
import os
import hook
import state
state.SET = True
import needs
NAME = os.environ.get("LOGNAME")
def main():
    print(needs.VALUE, hook.FOUND, NAME)
"""


SUBINTERPRETERS = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
def main():
    for _ in range(3):
        number = interpreters.create()
        interpreters.run_string(number, "import gc, json; gc.collect(); print(json.dumps([1]), flush=True)")
        interpreters.destroy(number)
"""


def shell(script: str, state: Path) -> list[str]:
    return ["bash", "-c", script, str(state)]


def test_most_imports_are_done(state: Path) -> None:
    report = verify(state)
    assert report.image.snapshot is not None
    assert report.image.snapshot.size > 1 << 20
    assert {"argparse", "enum", "re"} <= {*report.image.snapshot.modules}


def test_what_is_in_it_is_known_by_module_and_by_type(state: Path) -> None:
    snapshot = verify(state).image.snapshot
    assert snapshot is not None
    modules, types = ({share.name: share for share in by} for by in (snapshot.by_module, snapshot.by_type))
    assert {"argparse", "builtins", "enum", "sys"} <= modules.keys()
    assert {"code", "dict", "function", "str", "tuple", "type", SNAPSHOT_TABLES} <= types.keys()
    assert 10_000 < modules["argparse"].size < snapshot.size / 10
    assert types["function"].objects > types["EnumType"].objects > 1
    for shares in (snapshot.by_module, snapshot.by_type):
        assert sum(share.size for share in shares) < snapshot.size
        assert [share.size for share in shares] == sorted((share.size for share in shares), reverse=True)


@pytest.mark.parametrize(
    "script",
    [
        '"$0"',
        '"$0" a "b c" ü',
        '"$0" --no-such-option',
        '"$0" <&-',
        '"$0" <&- >&-',
        '"$0" 2>&-',
        'cd /usr/share && "$0"',
        'cd "$(dirname "$0")" && ./state x',
        'trap "" INT; "$0"',
        'trap "" PIPE HUP; "$0"',
        'ulimit -v 400000; "$0"',
        'ulimit -s unlimited; "$0"',
        'ulimit -s 512; "$0"',
        'ulimit -n 16; "$0"',
        'umask 077; "$0"',
        'setarch -R "$0"',
        'env -i OXIDIZE_SNAPSHOT="$OXIDIZE_SNAPSHOT" "$0"',
        'exec -a something "$0"',
    ],
)
def test_a_process_has_what_is_its_own(state: Path, script: str) -> None:
    compare(shell(script, state))


@pytest.mark.parametrize(
    "variables",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "C.UTF-8"},
        {"LC_ALL": "POSIX"},
        {"LC_ALL": "xx_XX.UTF-8"},
        {"TZ": "America/New_York"},
        {"STATE": "value", "EMPTY": ""},
        {"HOME": "/nowhere", "TMPDIR": "/nowhere"},
        {"PYTHONHASHSEED": "0", "PYTHONPATH": "/nowhere"},
    ],
)
def test_the_environment_is_that_of_the_process(state: Path, variables: dict[str, str]) -> None:
    compare([str(state)], **variables)


def test_the_streams_may_be_terminals(state: Path) -> None:
    told = compare(["script", "-qec", f"{state} --unique >/dev/null; tty; {state} a", "/dev/null"])
    assert '"fibonacci' not in told


def test_another_user_may_start_it(state: Path, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    copy = Path(shutil.copy(state, "/tmp/oxidize-state"))
    try:
        compare(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", str(copy)])
    finally:
        copy.unlink()
    assert tmp_path.exists()


def test_the_file_may_be_elsewhere(state: Path, tmp_path: Path) -> None:
    moved = tmp_path / "a directory" / "with more" / "programme"
    moved.parent.mkdir(parents=True)
    shutil.copy(state, moved)
    subprocess.run(["strip", moved], check=True)
    told = json.loads(compare([str(moved)]))
    assert told["paths"]["prefix"][0] == str(moved)
    link = tmp_path / "link"
    link.symlink_to(moved)
    compare([str(link)])


@pytest.mark.parametrize("name", ["ü", "x" * 60])
def test_a_path_that_does_not_fit_gives_the_ordinary_start(state: Path, tmp_path: Path, name: str) -> None:
    copy = shutil.copy(state, tmp_path / name)
    status, out, err = start([str(copy), "a"], OXIDIZE_SNAPSHOT="explain")
    assert NOT_USED in err
    assert (status, out) == start([str(copy), "a"], OXIDIZE_SNAPSHOT="off")[:2]


def test_no_two_processes_have_anything_random_in_common(state: Path) -> None:
    rows = [json.loads(start([str(state), "--unique"])[1]) for _ in range(STARTS)]
    assert [len(set(column)) for column in zip(*rows, strict=True)] == [len(rows)] * len(rows[0])


# --- what is refused ---------------------------------------------------------------------------


def build_app(build: Build, tmp_path: Path, code: str) -> Path:
    """Build a program of one module."""
    return build(write_project(tmp_path / "app", code=code)) / "app"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import os\nFILE = open('/proc/self/stat')\n", "descriptor"),
        (
            "import threading, time\nthreading.Thread(target=time.sleep, args=(99,), daemon=True).start()\n",
            "threads",
        ),
        ("import os\nHOME = os.path.realpath('/proc/self/cwd') + '/x'\n", "machine that builds"),
        ("import mmap\nPAGES = mmap.mmap(-1, 4096)\n", "mmap.mmap at 0x[0-9a-f]+ refers to"),
        ("import pathlib\nPARTS = pathlib.PurePosixPath(__file__).parts[1]\n", "cannot be replaced"),
    ],
)
def test_what_no_other_process_can_have_is_refused(
    build_with_snapshot: Build, tmp_path: Path, source: str, why: str
) -> None:
    with pytest.raises(AssertionError, match=why):
        build_app(build_with_snapshot, tmp_path, f"{source}def main():\n    print('x')\n")


def test_nothing_is_needed_but_libc_if_that(build_with_snapshot: Build, jail: Jail, tmp_path: Path) -> None:
    """There is no /proc, nor anything else."""
    app = build_app(build_with_snapshot, tmp_path, HELLO)
    older = ("libpthread.so.0", "libdl.so.2", "librt.so.1")
    assert compare(jail(app, libraries=older)) == "hello\n"


def test_a_module_that_looks_at_the_machine_is_left_to_the_run(
    build_with_snapshot: Build, tmp_path: Path
) -> None:
    source = "import os, json\nHOME = os.environ.get('HOME')\ndef main():\n    print(HOME)\n"
    app = build_app(build_with_snapshot, tmp_path, source)
    assert compare([str(app)], HOME="/one") == "/one\n"
    assert compare([str(app)], HOME="/two") == "/two\n"


def test_there_are_subinterpreters(build_with_any: Build, tmp_path: Path) -> None:
    app = build_app(build_with_any, tmp_path, SUBINTERPRETERS)
    assert compare([str(app)]) == "[1]\n" * 3


def test_modules_may_need_each_other_and_the_environment(build_with_any: Build, tmp_path: Path) -> None:
    """What only can be imported after a module that is left is left too; hooks have the environment."""
    folder = write_project(tmp_path / "app", code=LEFT_HALF_IMPORTED)
    settings = (folder / "pyproject.toml").read_text().replace('["app"]', '["app", "state", "needs", "hook"]')
    files = {
        "pyproject.toml": settings,
        "state.py": "SET = False\n",
        "needs.py": "import state\nassert state.SET\nVALUE = 'needed'\n",
        "hook.py": "import os\nFOUND = []\n"
        "os.register_at_fork(after_in_child=lambda: FOUND.append(os.environ.get('LOGNAME')))\n",
    }
    app = build_with_any(write_files(folder, files)) / "app"
    modules = verify(app).image.snapshot
    assert modules is not None
    assert {"hook", "state"} <= {*modules.modules}
    assert not {"app", "needs"} & {*modules.modules}
    assert start([str(app)], LOGNAME="me") == (0, "needed ['me'] me\n", "")


def test_a_variable_that_was_not_set_must_not_be(build_with_snapshot: Build, tmp_path: Path) -> None:
    source = "import os\nMODE = os.environ.get('APP_MODE', 'default')\ndef main():\n    print(MODE)\n"
    app = build_app(build_with_snapshot, tmp_path, source)
    assert compare([str(app)]) == "default\n"
    status, out, err = start([str(app)], OXIDIZE_SNAPSHOT="explain", APP_MODE="other")
    assert (status, out) == (0, "other\n")
    assert NOT_USED in err


def test_the_program_may_have_part_of_the_standard_library(build_with_any: Build, tmp_path: Path) -> None:
    code = "import zoneinfo\ndef main():\n    print(bool(zoneinfo.TZPATH))\n"
    tables = '[tool.oxidize.executables.app]\nstdlib = "used"\n'
    app = build_with_any(write_project(tmp_path / "app", code=code, tables=tables)) / "app"
    assert compare([str(app)]) == "True\n"


def test_signals_that_the_build_ignores_are_none_of_the_programs(
    build_with_any: Build, tmp_path: Path
) -> None:
    source = "import signal\ndef main():\n    print([str(signal.getsignal(n)) for n in range(1, 32)])\n"
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGHUP, signal.SIGINT)}
    try:
        app = build_app(build_with_any, tmp_path, source)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert "default_int_handler" in compare([str(app)])
    compare(shell('trap "" HUP; "$0"', app))
