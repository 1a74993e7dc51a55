"""A file formatted, a difference shown, a syntax error refused."""

import subprocess
import sys
from pathlib import Path

import black


def main():
    assert black.format_str("x = {  'a':1 }", mode=black.Mode()) == 'x = {"a": 1}\n'
    assert black.__file__.endswith(".so"), "the compiled one was to be used"
    file = Path("ugly.py")
    file.write_text("def f( a,b ):\n  return  a+b\n")
    done = subprocess.run(
        [sys.executable, "-m", "black", "--diff", "-q", "ugly.py"], capture_output=True, text=True
    )
    assert "+    return a + b" in done.stdout, done
    other = Path("other.py")
    other.write_text("x=1\n")
    subprocess.run([sys.executable, "-m", "black", "-q", "ugly.py", "other.py"], check=True)
    assert file.read_text() == "def f(a, b):\n    return a + b\n"
    assert other.read_text() == "x = 1\n"
    other.write_text("def\n")
    assert subprocess.run([sys.executable, "-m", "black", "-q", "other.py"]).returncode == 123
    print("as expected")
