"""An environment made with the wheels that it embeds, of a Python on this machine"""

import shutil
import subprocess

from virtualenv import cli_run


def main():
    python = shutil.which("python3")
    assert python, "this check needs a Python on the machine"
    made = cli_run(["--python", python, "--no-download", "made"])
    said = subprocess.check_output([str(made.creator.exe), "-m", "pip", "--version"], text=True)
    assert said.startswith("pip ") and "made" in said
    print("as expected")
