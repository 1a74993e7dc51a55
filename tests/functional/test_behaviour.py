"""The process behaves as `python` does: an executable against the same program run by the interpreter."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import PROJECTS

Build = Callable[[Path], Path]


@dataclass(frozen=True)
class Case:
    code: str
    redirection: str = ""
    before: str = ""
    environment: tuple[tuple[str, str], ...] = ()


C_LOCALE = (("LC_ALL", "C"),)
CASES = {
    "stdin closed": Case("import sys; print(sys.stdin)", "<&-"),
    "stdout closed": Case("import sys; print(sys.stdout, file=sys.stderr)", ">&-"),
    "print to a closed stdout": Case("print(1)", ">&-"),
    "all closed": Case("import os; os._exit(os.open('/dev/null', 0))", "<&- >&- 2>&-"),
    "a pipe that breaks": Case("for i in range(100000): print(i)", "| head -1"),
    "a pipe that breaks at exit": Case("import time; time.sleep(0.3); print(1)", "| true"),
    "a full disk": Case("print(1)", "> /dev/full"),
    "not a terminal": Case("import sys; print(sys.stdout.line_buffering, sys.stdin.isatty())"),
    "faulthandler": Case("import faulthandler as f; f.enable(); f._sigsegv()"),
    "abort": Case("import os; os.abort()"),
    "fork": Case("import os\nif not os.fork(): raise SystemExit(5)\nprint(os.wait()[1])"),
    "signal handlers": Case(
        "import signal as s; print([s.getsignal(n) for n in (s.SIGPIPE, s.SIGINT, s.SIGTERM)])"
    ),
    "encodings": Case(
        "import sys; print(sys.stdout.encoding, sys.getfilesystemencoding(), sys.stdin.errors)"
    ),
    "the C locale": Case(
        "import sys; print(sys.stdout.encoding, sys.getfilesystemencoding(), sys.stdin.errors)",
        environment=C_LOCALE,
    ),
    "atexit and threads": Case(
        "import atexit, threading, time; atexit.register(print, 'bye')\n"
        "threading.Thread(target=lambda: (time.sleep(0.1), print('thread'))).start()"
    ),
    "an exception in a thread": Case(
        "import threading; t = threading.Thread(target=lambda: 1/0); t.start(); t.join()"
    ),
    "finalisers": Case("class A:\n    def __del__(self): print('del')\nimport sys; sys.kept = A()"),
    "finally before SystemExit": Case("import sys\ntry: sys.exit(2)\nfinally: print('finally')"),
    "a deep recursion": Case("def f(): f()\nf()"),
    "excepthook": Case("import sys; sys.excepthook = lambda *a: print('hook', a[0].__name__); 1/0"),
    "unraisable": Case("class A:\n    def __del__(self): 1/0\na = A(); del a; print('on')"),
    "little memory": Case("print(len(bytearray(1000)))", before="ulimit -v 500000"),
    "MemoryError": Case("bytearray(10**10)", before="ulimit -v 500000"),
    "killed": Case("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"),
    "process group": Case("import os; print(os.getpgid(0) == os.getppid() or os.getpgid(0) > 0)"),
    "exit builtin": Case("exit(4)"),
    "help builtin": Case("print(repr(quit), repr(copyright)[:9])"),
}


def script_of(project: Path) -> str:
    return f"import sys; sys.path.insert(0, {str(project)!r})\nfrom behaviour import main\nsys.exit(main())\n"


def outcome(program: list[str], case: Case) -> tuple[int, str, str]:
    """Run it under a shell and return status, output and errors, without what has to differ."""
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **dict(case.environment)}
    command = f'{case.before or ":"}; "$@" {case.redirection}; exit ${{PIPESTATUS[0]}}'
    result = subprocess.run(
        ["bash", "-c", command, "bash", *program, case.code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment,
    )
    return result.returncode, mask(result.stdout), mask(result.stderr)


def mask(text: str) -> str:
    """Hide paths, addresses, line numbers, and the command that bash shows when it was killed."""
    text = re.sub(r"bash: line \d+: +\d+ (\w+(?: \w+)*) .*", r"bash: \1", text, flags=re.DOTALL)
    text = re.sub(r"0x[0-9a-f]+|[Tt]hread-\d+", "X", text)
    text = re.sub(r"^(Current thread X) \[[^\]]*\]", r"\1", text, flags=re.MULTILINE)  # its name, in 3.14
    text = re.sub(r"\nCurrent thread's C stack trace.*", "", text, flags=re.DOTALL)  # of Python 3.14
    text = re.sub(r'File "[^"]*"', "FILE", text)
    return re.sub(r"line \d+", "line N", text)


@pytest.mark.parametrize("name", CASES)
def test_as_python_does(name: str, build: Build, tmp_path: Path) -> None:
    project = PROJECTS / "behaviour"
    script = tmp_path / "script.py"
    script.write_text(script_of(project))
    packed = outcome([str(build(project) / "behaviour")], CASES[name])
    python = outcome([sys.executable, "-I", str(script)], CASES[name])
    assert packed == python
