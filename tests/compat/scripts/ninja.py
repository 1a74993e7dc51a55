"""The packed program builds a file"""

import os
import subprocess
from pathlib import Path

import ninja


def main():
    Path("build.ninja").write_text("rule copy\n  command = cp $in $out\nbuild b.txt: copy a.txt\n")
    Path("a.txt").write_text("text")
    program = os.path.join(ninja.BIN_DIR, "ninja")
    assert subprocess.check_output([program, "--version"], text=True).startswith(ninja.__version__[:4])
    subprocess.run([program], check=True)
    assert Path("b.txt").read_text() == "text"
    print("as expected")
