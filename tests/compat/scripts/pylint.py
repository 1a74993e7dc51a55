"""Faults found, with astroid's knowledge of the standard library, by two processes"""

import json
import subprocess
import sys
from pathlib import Path


def main():
    for name in ("one", "two"):
        Path(f"{name}.py").write_text("import os\nimport collections\nx = undefined\ncollections.nothing()\n")
    command = [sys.executable, "-m", "pylint", "-j", "2", "-f", "json", "one.py", "two.py"]
    done = subprocess.run(command, capture_output=True, text=True)
    found = {(message["module"], message["symbol"]) for message in json.loads(done.stdout)}
    for module in ("one", "two"):
        assert {(module, s) for s in ("unused-import", "undefined-variable", "no-member")} <= found, found
    print("as expected")
