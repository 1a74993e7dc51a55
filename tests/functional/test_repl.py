"""A project with nothing to run becomes a REPL, as `python` is without arguments."""

from __future__ import annotations

import errno
import os
import pty
import re
import select
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from making import BUILD_SYSTEM, write_files

from conftest import Frontend, interpreters

PROMPT = b">>> "
PATIENCE = 60
"""Seconds after which something that does not come is missing."""


class Terminal:
    """What a person sees who types at a program."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._unread = b""

    def read_to(self, end: bytes) -> str:
        """Return what appears up to *end*, without the colours."""
        while end not in self._unread:
            ready, _, _ = select.select([self._descriptor], [], [], PATIENCE)
            assert ready, self._unread
            self._unread += self._read()
        read, _, self._unread = self._unread.partition(end)
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z=>]|\x1b[=>]", "", read.decode())

    def read_rest(self) -> None:
        while self._read():
            pass

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def _read(self) -> bytes:
        try:
            return os.read(self._descriptor, 65536)
        except OSError as error:
            if error.errno == errno.EIO:  # the program has ended
                return b""
            raise


@contextmanager
def typing_at(
    program: Path, home: Path, *arguments: str
) -> Iterator[tuple[Terminal, subprocess.Popen[bytes]]]:
    ours, theirs = pty.openpty()
    environment = {"HOME": str(home), "TERM": "xterm", "LANG": "C.UTF-8", "PATH": os.environ["PATH"]}
    with subprocess.Popen(
        [program, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        try:
            yield Terminal(ours), process
        finally:
            process.kill()
            os.close(ours)


@pytest.mark.slow
@pytest.mark.parametrize("python", interpreters(), ids=str)
def test_nothing_to_run(python: Path, make_frontend: Callable[[Path], Frontend], tmp_path: Path) -> None:
    text = (
        f'{BUILD_SYSTEM}[project]\nname = "My.App"\nversion = "1"\n[tool.setuptools]\npy-modules = ["app"]\n'
    )
    project = write_files(tmp_path / "project", {"pyproject.toml": text, "app.py": "VALUE = 42\n"})
    program = make_frontend(python).build(project, "--no-isolation") / "My.App"
    home = tmp_path / "home"
    home.mkdir()
    with typing_at(program, home) as (terminal, process):
        banner = terminal.read_to(PROMPT)
        assert banner.startswith("Python 3.")
        assert 'Type "help", "copyright", "credits" or "license" for more information.' in banner
        terminal.type("import app, sys\n")
        terminal.read_to(PROMPT)
        terminal.type("sys.maxsi\t\n")
        terminal.read_to(b"9223372036854775807")
        terminal.type("print(app.VALUE * 1001)\n")
        terminal.read_to(b"42042")
        terminal.type("quit()\n")
        terminal.read_rest()
        assert process.wait(PATIENCE) == 0
    assert (home / ".python_history").read_text().splitlines()[-3:] == [
        "sys.maxsize",
        "print(app.VALUE * 1001)",
        "quit()",
    ]
    script = write_files(tmp_path, {"script.py": "import sys, app; print(sys.argv, app.VALUE)"}) / "script.py"
    for arguments in ([str(script), "1"], ["-c", "import sys, app; print(sys.argv, app.VALUE)", "1"]):
        done = subprocess.run([program, *arguments], capture_output=True, text=True, check=True)
        assert done.stdout == f"{[arguments[0], '1']} 42\n"
    piped = subprocess.run([program], input="print(6 * 7)", capture_output=True, text=True, check=True)
    assert piped.stdout == "42\n"
