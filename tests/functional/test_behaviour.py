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


IS_RUNNING = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
main = interpreters.get_main()
print(interpreters.is_running(main[0] if isinstance(main, tuple) else main))
"""
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
    "a finaliser of what is left": Case(
        "import os, keyword\nclass A:\n    def __del__(self, w=os.write): w(1, b'del')\nkeyword.kept = A()"
    ),
    "the main interpreter runs": Case(IS_RUNNING),
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
    "a text as exit status": Case("raise SystemExit('text')"),
    "an object as exit status": Case("raise SystemExit(('a', 1))"),
    "an exit status without stderr": Case("raise SystemExit('text')", "2>&-"),
    "a large exit status": Case("raise SystemExit(2**40 + 3)"),
    "a negative exit status": Case("raise SystemExit(-1)"),
    "SystemExit without its code": Case(
        "class E(SystemExit):\n    code = property(lambda s: 1/0)\n    def __str__(self): return 'E'\nraise E"
    ),
    "a full disk and an exit status": Case("print(1); raise SystemExit(3)", "> /dev/full"),
    "a full disk and an exception": Case("print(1); 1/0", "> /dev/full"),
    "stderr on a full disk": Case(
        "import io, sys; sys.stderr = io.TextIOWrapper(open(2, 'wb')); sys.stderr.write('x')", "2> /dev/full"
    ),
    "what is flushed in atexit": Case("import atexit; atexit.register(print, 1)", "> /dev/full"),
    "atexit in order, and its exceptions": Case(
        "import atexit\natexit.register(print, 1)\natexit.register(lambda: 1/0)\n"
        "atexit.register(lambda: atexit.register(print, 'late'))\natexit.register(print, 2)"
    ),
    "SystemExit in atexit": Case("import atexit, sys; atexit.register(sys.exit, 3)"),
    "weakref.finalize": Case(
        "import weakref\nclass A: pass\na = A(); weakref.finalize(a, print, 'finalized')"
    ),
    "atexit after threads": Case(
        "import atexit, threading, time; atexit.register(print, 'bye')\n"
        "def late(): time.sleep(0.2); atexit.register(print, 'late'); raise SystemExit(7)\n"
        "threading.Thread(target=late).start(); raise SystemExit(4)"
    ),
    "a daemon thread": Case(
        "import threading as t, time; t.Thread(target=time.sleep, args=(60,), daemon=True).start(); print(1)"
    ),
    "a busy daemon thread": Case(
        "import threading as t\ndef run():\n    while True: pass\nt.Thread(target=run, daemon=True).start()"
    ),
    "a pool of threads": Case(
        "from concurrent.futures import ThreadPoolExecutor as P; import time\n"
        "P().submit(lambda: (time.sleep(0.2), print('done')))"
    ),
    "open files": Case(
        "import os\nr, w = os.pipe(); b = open(w, 'wb'); b.write(b'binary')\n"
        "s, x = os.pipe(); t = open(x, 'w'); t.write('text')\nclass F(type(b)): pass\n"
        "if not os.fork(): raise SystemExit\n"
        "b.detach(); t.buffer.raw.close(); os.close(w); print(open(r).read(), open(s).read())"
    ),
    "a file that cannot be flushed": Case("f = open('/dev/full', 'w'); f.write('x')"),
    "a closed stdout and open files": Case(
        "import sys; sys.stdout.close(); sys.kept = open('/dev/null', 'w')"
    ),
    "interrupted while threads are waited for": Case(
        "import os, signal, threading, time\n"
        "threading.Thread(target=lambda: (time.sleep(0.3), os.kill(os.getpid(), 2), time.sleep(0.3))).start()"
    ),
    "KeyboardInterrupt": Case("import atexit; atexit.register(print, 'bye'); raise KeyboardInterrupt"),
    "a child of multiprocessing": Case(
        "import multiprocessing as m; c = m.get_context('fork')\n"
        "p = c.Process(target=lambda: (print('child'), exit(3))); p.start(); p.join(); print(p.exitcode)"
    ),
}
UNLIKE_PYTHON_WHERE_SHORTENED = {"a finaliser of what is left"}


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
    text = re.sub(r"File \"[^\"]*\"|from '[^']*'", "FILE", text)
    return re.sub(r"line \d+", "line N", text)


@pytest.mark.parametrize("name", CASES)
def test_as_python_does(name: str, build: Build, tmp_path: Path) -> None:
    project = PROJECTS / "behaviour"
    script = tmp_path / "script.py"
    script.write_text(script_of(project))
    python = outcome([sys.executable, "-I", str(script)], CASES[name])
    assert outcome([str(build(project) / "behaviour")], CASES[name]) == python
    shortened = outcome([str(build(project) / "shortened")], CASES[name])
    assert (shortened == python) == (name not in UNLIKE_PYTHON_WHERE_SHORTENED), shortened
