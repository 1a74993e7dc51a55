"""Cells with a magic and an error; completion; the terminal program."""

import subprocess
import sys

from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output


def main():
    shell = InteractiveShell.instance()
    assert shell.run_cell("x = 20; x + 1").result == 21
    with capture_output() as captured:
        shell.run_cell("%timeit -n1 -r1 sum(range(10))")
        shell.run_cell("1 / 0")
        shell.run_cell("!echo from the shell")
        shell.run_cell("print?")
    assert "loop" in captured.stdout and "ZeroDivisionError" in captured.stdout, captured.stdout
    assert "from the shell" in captured.stdout
    shell.user_ns["words"] = "a b"
    with provisionalcompleter():
        found = [completion.text for completion in shell.Completer.completions("words.starts", 12)]
    assert any("startswith" in text for text in found), found
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--colors=nocolor", "-c", "print(6 * 7)"],
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip().endswith("42"), done
    print("as expected")
