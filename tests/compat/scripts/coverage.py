"""Lines counted by the C tracer, in a child process; a report in HTML"""

import json
import subprocess
import sys
from pathlib import Path


def main():
    from coverage.tracer import CTracer

    Path("prog.py").write_text("import sys\nif len(sys.argv) > 5:\n    print('no')\nprint('yes')\n")
    run = [sys.executable, "-m", "coverage"]
    assert subprocess.check_output([*run, "run", "--branch", "prog.py"], text=True) == "yes\n"
    subprocess.run([*run, "json", "-q"], check=True)
    lines = json.loads(Path("coverage.json").read_text())["files"]["prog.py"]
    assert lines["executed_lines"] == [1, 2, 4] and lines["missing_lines"] == [3]
    subprocess.run([*run, "html", "-q"], check=True)
    assert Path("htmlcov/index.html").exists() and list(Path("htmlcov").glob("style*.css")) and CTracer
    print("as expected")
