"""The packed program: a fault found, a file formatted."""

import subprocess
import sys
from pathlib import Path

from ruff import find_ruff_bin


def main():
    Path("a.py").write_text("import os\nx = {  'a':1 }\n")
    for command in ([find_ruff_bin()], [sys.executable, "-m", "ruff"]):
        done = subprocess.run([*command, "check", "--isolated", "a.py"], capture_output=True, text=True)
        assert done.returncode == 1 and "F401" in done.stdout, done
    subprocess.run([find_ruff_bin(), "format", "--isolated", "a.py"], check=True, stdout=subprocess.DEVNULL)
    assert Path("a.py").read_text() == 'import os\n\nx = {"a": 1}\n'
    print("as expected")
