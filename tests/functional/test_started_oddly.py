"""Started by scripts, with more rights than the user, under limits; libraries opened and closed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import PROJECTS

Build = Callable[[Path], Path]

CLOSE_AND_REOPEN = """
import _ctypes, json, sys, glob
path = json.__file__ and glob.glob(sys.prefix + "/lib/python3*/lib-dynload/_heapq*.so")[0]
for _ in range(3):
    handle = _ctypes.dlopen(path, 2)
    _ctypes.dlclose(handle)
    kept = [bytes(200) for _ in range(10000)]
import _heapq
print(_heapq.heappop([1, 2]))
"""

NAMES = """
import ctypes, sys, _heapq
class Info(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("base", ctypes.c_void_p), ("symbol", ctypes.c_char_p),
                ("address", ctypes.c_void_p)]
info = Info()
library = ctypes.CDLL(_heapq.__file__)
ctypes.CDLL(None).dladdr(library.PyInit__heapq, ctypes.byref(info))
print(info.name.decode() == _heapq.__file__)
"""

FORKS_WHILE_LOADING = """
import ctypes, glob, os, sys, threading
paths = glob.glob(sys.prefix + "/lib/python3*/lib-dynload/*.so")
stop = []
def load():
    while not stop:
        for path in paths:
            ctypes.CDLL(path)
thread = threading.Thread(target=load)
thread.start()
for _ in range(20):
    child = os.fork()
    if child == 0:
        ctypes.CDLL(paths[-1])
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
stop.append(1)
thread.join()
print("done")
"""


@pytest.fixture(scope="module")
def behaviour(build: Build) -> Path:
    return build(PROJECTS / "behaviour") / "behaviour"


@pytest.fixture(scope="module")
def children(build: Build) -> Path:
    return build(PROJECTS / "children") / "children"


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **environment}
    )


def test_a_script_with_the_executable_in_its_first_line(children: Path, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(f"#!{children}\n")
    script.chmod(0o755)
    result = run(script)  # the script's path is the argument, which the program does not know
    assert f"KeyError: '{script}'" in result.stderr
    assert f'"{children}/lib/python' in result.stderr


def test_more_rights_do_not_mean_an_interpreter(behaviour: Path) -> None:
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv")
    folder = Path("/var/tmp/oxidize-suid")
    folder.mkdir()
    try:
        program = Path(shutil.copy(behaviour, folder / "program"))
        program.chmod(0o4755)
        code = "import os; print(os.geteuid())"
        as_nobody = ["setpriv", "--reuid", "65534", "--clear-groups"]
        assert run(*as_nobody, program, code).stdout == "0\n"
        marked = run(*as_nobody, f"{folder}/.//.//./program", "-c", code)
        assert marked.stdout == ""
        assert marked.returncode != 0
    finally:
        shutil.rmtree(folder)


def test_a_closed_library_can_be_opened_again(behaviour: Path) -> None:
    result = run(behaviour, CLOSE_AND_REOPEN)
    if "IndexError" in result.stderr:
        pytest.skip("this interpreter has _heapq built in")
    assert (result.returncode, result.stdout) == (0, "1\n"), result.stderr


def test_libraries_are_known_by_their_paths(behaviour: Path) -> None:
    result = run(behaviour, NAMES)
    if "has no attribute '__file__'" in result.stderr:
        pytest.skip("this interpreter has _heapq built in")
    assert result.stdout == "True\n", result.stderr


def test_a_child_can_load_what_its_parent_was_loading(behaviour: Path) -> None:
    assert run(behaviour, FORKS_WHILE_LOADING).stdout == "done\n"


def test_a_limit_on_the_size_of_files_is_none_on_packed_ones(behaviour: Path) -> None:
    code = "import _heapq, ssl, os; print(len(open(os.__file__).read()) > 10000)"
    soft = run("bash", "-c", f'ulimit -Sf 1; exec {behaviour} "$1"', "bash", code)
    assert soft.stdout == "True\n", soft.stderr
    hard = run("bash", "-c", f'ulimit -f 1; exec {behaviour} "import _heapq"', "bash")
    assert hard.returncode == 0 or "files may not be as large" in hard.stderr


def test_the_run_path_of_a_caller_outside_is_respected(behaviour: Path, tmp_path: Path) -> None:
    """libA opens libB by its bare name, which only its own run path finds."""
    compiler = shutil.which("cc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("needs a C compiler")
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.c").write_text("int b(void) { return 42; }\n")
    (tmp_path / "a.c").write_text(
        '#include <dlfcn.h>\nint a(void) { return dlopen("libB.so", RTLD_NOW) != 0; }\n'
    )
    shared = [compiler, "-shared", "-fPIC"]
    subprocess.run([*shared, "-o", str(tmp_path / "sub/libB.so"), str(tmp_path / "b.c")], check=True)
    path = "-Wl,-rpath,$ORIGIN/sub,--enable-new-dtags"
    subprocess.run([*shared, path, "-o", str(tmp_path / "libA.so"), str(tmp_path / "a.c")], check=True)
    code = f"import ctypes; print(ctypes.CDLL({str(tmp_path / 'libA.so')!r}).a())"
    assert run(behaviour, code).stdout == "1\n"
