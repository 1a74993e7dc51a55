"""Tasks of a file, run by its command; a shell command with a pseudo-terminal."""

import subprocess
import sys
from pathlib import Path

import invoke


def main():
    Path("tasks.py").write_text(
        "from invoke import task\n\n@task\ndef build(c, name='x'):\n    c.run(f'echo building {name}')\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "invoke", "build", "--name", "it"], capture_output=True, text=True
    )
    assert done.stdout == "building it\n", done
    assert invoke.run("test -t 1 && echo terminal", pty=True, hide=True).stdout.strip() == "terminal"
    assert invoke.run("exit 3", warn=True, hide=True).exited == 3
    print("as expected")
