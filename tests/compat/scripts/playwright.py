"""The driver's own node runs a program that it is given"""

import subprocess

from playwright._impl._driver import compute_driver_executable
from playwright._repo_version import version


def main():
    node, _ = compute_driver_executable()
    assert subprocess.check_output([node, "--version"], text=True).startswith("v")
    assert subprocess.check_output([node, "-p", "6 * 7"], text=True) == "42\n"
    assert version
    print("as expected")
