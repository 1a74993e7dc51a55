"""Faults found by plug-ins that are found by their entry points"""

import subprocess
import sys
from pathlib import Path


def main():
    Path("a.py").write_text("import os\nx=1\ny = undefined\n")
    command = [sys.executable, "-m", "flake8", "-j", "2", "a.py"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1, done
    for code in ("F401", "E225", "F821"):
        assert code in done.stdout, done
    version = subprocess.run(
        [sys.executable, "-m", "flake8", "--version"], capture_output=True, text=True
    ).stdout
    assert "pyflakes" in version and "pycodestyle" in version, version
    print("as expected")
