"""Build a Flask server into one file, start it, and ask it something.

oxidize-build is on no package index yet, so its wheel is built into a local folder that pip is
pointed at. From then on everything is what any project does: `python -m build --executable`.
"""

import os
import shlex
import subprocess
import sys
import urllib.request
import venv
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PROJECT = REPOSITORY / "examples" / "greeter"
WHEELHOUSE = REPOSITORY / "build" / "wheelhouse"
ENVIRONMENT = REPOSITORY / "build" / "demo"


def run(*command: str | Path) -> None:
    """Show a command and run it."""
    shown = [os.path.relpath(part) if isinstance(part, Path) else part for part in command]
    print("$", shlex.join(shown), flush=True)
    subprocess.run(command, check=True)


def ask(executable: Path) -> str:
    """Start the server on a free port, request its page, stop it, and return the answer."""
    with subprocess.Popen(
        [executable], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            assert server.stdout is not None
            port = server.stdout.readline().split()[-1]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/?name=you") as answer:
                return answer.read().decode()
        finally:
            server.terminate()


def main() -> None:
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", WHEELHOUSE, REPOSITORY)
    os.environ["PIP_FIND_LINKS"] = f"{WHEELHOUSE} {os.environ.get('PIP_FIND_LINKS', '')}".strip()
    venv.create(ENVIRONMENT, with_pip=True, clear=True)
    python = ENVIRONMENT / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "build", "oxidize-build")
    run(python, "-m", "build", "--executable", PROJECT)
    executable = PROJECT / "dist" / "greeter"
    run("ls", "-lh", PROJECT / "dist")
    print(f"$ {os.path.relpath(executable)} &  # and a request")
    print(ask(executable))


if __name__ == "__main__":
    main()
