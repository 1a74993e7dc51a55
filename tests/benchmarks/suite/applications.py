"""The programs that are measured."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

HELLO = """\
def main():
    print("hello")


if __name__ == "__main__":
    main()
"""

FLASK = """\
from flask import Flask

app = Flask(__name__)


@app.get("/")
def index():
    return "hello"


def main():
    print(app.test_client().get("/").text)


if __name__ == "__main__":
    main()
"""

NUMPY = """\
import numpy


def main():
    matrix = numpy.arange(10_000, dtype=float).reshape(100, 100)
    print(numpy.trace(matrix @ matrix.T))


if __name__ == "__main__":
    main()
"""

BLACK = """\
import sys

from black import patched_main


def main():
    sys.argv[1:] = ["--version"]
    patched_main()


if __name__ == "__main__":
    main()
"""

_PROBE = Path(__file__).with_name("importable.py")


@dataclass(frozen=True, slots=True)
class Application:
    """A program, which every tool makes something to start of."""

    name: str
    code: str
    """Of its only module, which has a function ``main`` and is a script too."""
    requirements: tuple[str, ...] = ()
    files: int = 0
    """Number of data files of ten kilobytes each that are packed with it."""
    measures_build: bool = False
    """Only how it is built is of interest, and that to oxidize alone."""


APPLICATIONS = (
    Application("hello", HELLO),
    Application("flask", FLASK, ("flask==3.1.3",)),
    Application("numpy", NUMPY, ("numpy==2.4.6",)),
    Application("black", BLACK, ("black==26.10.1",)),
    Application("stdlib", ""),
    Application("files", HELLO, files=10_000, measures_build=True),
)


def importing(application: Application, pythons: Sequence[Path]) -> Application:
    """Return *application* with the code that imports the whole standard library: what all *pythons* have."""
    names = [_importable(python) for python in pythons]
    common = sorted(set(names[0]).intersection(*names[1:]))
    lines = ["def main():", *(f"    import {name}" for name in common), f'    print("{len(common)} modules")']
    guard = ["", "", 'if __name__ == "__main__":', "    main()", ""]
    return replace(application, code="\n".join([*lines, *guard]))


def _importable(python: Path) -> list[str]:
    command: list[str | Path] = [python, "-I", "-S", "-W", "ignore", _PROBE]
    done = subprocess.run(command, capture_output=True, check=True, stdin=subprocess.DEVNULL)
    names: list[str] = json.loads(done.stdout.splitlines()[-1])
    return names
