"""A package with files of all kinds; its command runs a script that uses them."""

import os
import runpy
import sys


def main() -> None:
    del sys.argv[0]
    sys.path.insert(0, os.path.dirname(sys.argv[0]))
    runpy.run_path(sys.argv[0], run_name="__main__")
