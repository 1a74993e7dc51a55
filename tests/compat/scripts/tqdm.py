"""A bar for a loop, and for the command line."""

import io
import subprocess
import sys

from tqdm import tqdm, trange


def main():
    shown = io.StringIO()
    assert sum(trange(100, file=shown, desc="adding", mininterval=0)) == 4950
    assert "adding: 100%" in shown.getvalue() and "100/100" in shown.getvalue()
    done = subprocess.run([sys.executable, "-m", "tqdm", "--bytes"], input=b"x" * 5000, capture_output=True)
    assert done.stdout == b"x" * 5000 and b"4.88k" in done.stderr, done
    print("as expected")
