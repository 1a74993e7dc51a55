"""What is finalised when a program ends, and what is left to the kernel since nobody can tell."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import PROJECTS, Frontend, find_interpreter, make_build

PLACES = (
    "cycle module module-cycle class instance closure sys builtins meta-path main atexit stream pending "
    "thread collector status raise"
)
LEFT = (
    "slotted metaclass generator coroutine finalizer reference method file replaced_stream raw_file database "
    "daemon audit callback frozen nothing tracker"
)
THAWED = "derived bare unfrozen frozen made nothing"
SNAPSHOTS = """
[tool.oxidize.executables.left-snapshot]
script = "left.py"
snapshot = true
[tool.oxidize.executables.thawed]
script = "thawed.py"
snapshot = true
[tool.oxidize.executables.undone]
script = "undone.py"
snapshot = true
"""


@dataclass(frozen=True)
class Endings:
    """The programs of the project, and the interpreter that they are made of."""

    dist: Path
    python: Path
    version: tuple[int, int]
    is_built: bool


@pytest.fixture(scope="module", params=["3.11", "3.12", "3.13", "built runtime"])
def endings(
    request: pytest.FixtureRequest, frontend: Frontend, tmp_path_factory: pytest.TempPathFactory
) -> Endings:
    if request.param == "built runtime":
        folder: Path = request.getfixturevalue("built_runtime")
        runtime, python = folder, folder / "install" / "bin" / "python3"
    else:
        found = find_interpreter(request.param)
        if found is None:
            pytest.skip(f"there is no Python {request.param} (OXIDIZE_TEST_PYTHONS)")
        runtime = python = found
    show = "import sys; print(*sys.version_info[:2])"
    version = subprocess.run([python, "-c", show], check=True, capture_output=True, text=True).stdout
    major, minor = map(int, version.split())
    settings = f"\n[tool.oxidize]\nruntime = {{path = {json.dumps(str(runtime))}}}\n"
    if (major, minor) >= (3, 12):
        settings += SNAPSHOTS
    dist = make_build(frontend, tmp_path_factory, settings)(PROJECTS / "endings")
    return Endings(dist, python, (major, minor), request.param == "built runtime")


@pytest.fixture
def snapshots(endings: Endings) -> Endings:
    if endings.version < (3, 12):
        pytest.skip("there are no snapshots of CPython 3.11")
    return endings


def outcome(command: list[str | Path], folder: Path) -> tuple[object, ...]:
    """Run it in a new *folder*: how it ended, what it printed, and the files that it has left."""
    folder.mkdir()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    last = re.sub(r"0x[0-9a-f]+", "ADDRESS", done.stderr).splitlines()[-1:]
    files = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    return done.returncode, done.stdout, last, files


def assert_ends_alike(endings: Endings, program: str, script: str, folder: Path, *arguments: str) -> None:
    """Compare the executable *program* with the interpreter that runs the *script*, which imports others."""
    source = endings.dist.parent / script
    expected = outcome([endings.python, "-E", "-s", "-S", source, *arguments], folder / "python")
    assert outcome([endings.dist / program, *arguments], folder / "packed") == expected


@pytest.mark.parametrize("where", PLACES.split())
def test_objects_are_finalised_as_python_does(where: str, endings: Endings, tmp_path: Path) -> None:
    assert_ends_alike(endings, "finalised", "finalised.py", tmp_path, where)


@pytest.mark.parametrize("what", LEFT.split())
def test_what_is_left_ends_as_with_python(what: str, endings: Endings, tmp_path: Path) -> None:
    assert_ends_alike(endings, "left", "left.py", tmp_path, what)


@pytest.mark.parametrize("what", sorted({*LEFT.split()} - {"metaclass", "reference", "method"}))
def test_what_a_snapshot_has_left_ends_as_with_python(what: str, snapshots: Endings, tmp_path: Path) -> None:
    assert_ends_alike(snapshots, "left-snapshot", "left.py", tmp_path, what)


@pytest.mark.parametrize("what", THAWED.split())
def test_what_came_out_of_a_snapshot_ends_as_with_python(
    what: str, snapshots: Endings, tmp_path: Path
) -> None:
    assert_ends_alike(snapshots, "thawed", "thawed.py", tmp_path, what)


def test_what_a_snapshot_has_to_finalise_is_finalised(snapshots: Endings, tmp_path: Path) -> None:
    assert_ends_alike(snapshots, "undone", "undone.py", tmp_path)


@pytest.fixture
def is_taken_to_pieces(strace: str, tmp_path: Path) -> Callable[..., bool]:
    """Return what tells whether a program ends by Py_FinalizeEx.

    That gives signals their former handlers back before it frees objects.
    """
    log = tmp_path / "log"
    # Where SIGINT is ignored, as in the background of a shell, Python leaves it alone.
    traced = ["env", "--default-signal=INT", strace, "-o", str(log), "-e", "trace=rt_sigaction"]

    def ends(executable: Path, what: str) -> bool:
        subprocess.run([*traced, executable, what], check=True, capture_output=True, timeout=120)
        return "rt_sigaction(SIGINT, {sa_handler=SIG_DFL" in log.read_text("utf-8")

    return ends


@pytest.mark.parametrize("what", ["nothing", "tracker", "metaclass"])
def test_where_nobody_can_tell_nothing_is_freed(
    what: str, endings: Endings, is_taken_to_pieces: Callable[..., bool]
) -> None:
    # Of multiprocessing there is an extension module, with a class whose code may be in a library.
    expected = what == "metaclass" or (what == "tracker" and not endings.is_built)
    assert is_taken_to_pieces(endings.dist / "left", what) == (expected or endings.version < (3, 12))


@pytest.mark.parametrize(
    ("program", "what"), [("thawed", "nothing"), ("thawed", "made"), ("left-snapshot", "nothing")]
)
def test_where_nobody_can_tell_nothing_of_a_snapshot_is_freed(
    program: str, what: str, snapshots: Endings, is_taken_to_pieces: Callable[..., bool]
) -> None:
    assert is_taken_to_pieces(snapshots.dist / program, what) == (what == "made")
