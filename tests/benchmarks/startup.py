"""Start-up and build times: executables against the same interpreter in a virtual environment.

    python tests/benchmarks/startup.py [--runs N] [--json FILE]

The two programs of a pair run in turn, A B A B ..., and ratios are taken pair by pair, so that a
machine whose speed drifts does not decide the comparison.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]

PROJECT = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "1.0"
dependencies = {dependencies}

[project.scripts]
{name} = "{name}:main"

[tool.setuptools]
py-modules = ["{name}"]
"""

HELLO = """\
def main():
    print("hello")
"""

FLASK = """\
from flask import Flask

app = Flask(__name__)


@app.get("/")
def index():
    return "hello"


def main():
    print(app.test_client().get("/").text)
"""

APPLICATIONS = {"hello": (HELLO, []), "flask_app": (FLASK, ["flask==3.1.3"])}


@dataclass(frozen=True)
class Result:
    """Medians over all runs."""

    application: str
    executable_ms: float
    environment_ms: float
    ratio: float
    """Median of environment / executable, pair by pair: how many times faster the executable is."""
    first_build_s: float
    second_build_s: float
    size_mb: float


def run(*command: str | Path, cwd: Path | None = None, environment: dict[str, str] | None = None) -> None:
    subprocess.run(command, cwd=cwd, env=environment, check=True, stdout=subprocess.DEVNULL)


def seconds(
    *command: str | Path, cwd: Path | None = None, environment: dict[str, str] | None = None
) -> float:
    started = time.perf_counter()
    run(*command, cwd=cwd, environment=environment)
    return time.perf_counter() - started


def pairs(a: Path, b: Path, runs: int) -> list[tuple[float, float]]:
    run(a)
    run(b)
    return [(seconds(a), seconds(b)) for _ in range(runs)]


def measure(name: str, code: str, dependencies: Sequence[str], folder: Path, runs: int) -> Result:
    project = folder / name
    project.mkdir()
    (project / "pyproject.toml").write_text(
        PROJECT.format(name=name, dependencies=json.dumps(list(dependencies)))
    )
    (project / f"{name}.py").write_text(code)
    run(sys.executable, "-m", "venv", folder / f"{name}-venv")
    run(folder / f"{name}-venv/bin/python", "-m", "pip", "install", "--quiet", ".", cwd=project)
    environment = {**os.environ, "OXIDIZE_CACHE_DIR": str(folder / f"{name}-cache")}
    environment["PYTHONPATH"] = str(REPOSITORY / "backend")
    build = (sys.executable, "-m", "oxidize_build", "build", "--no-isolation")
    builds = [seconds(*build, cwd=project, environment=environment) for _ in range(2)]
    executable = project / "dist" / name
    times = pairs(executable, folder / f"{name}-venv/bin" / name, runs)
    return Result(
        application=name,
        executable_ms=statistics.median(a for a, _ in times) * 1000,
        environment_ms=statistics.median(b for _, b in times) * 1000,
        ratio=statistics.median(b / a for a, b in times),
        first_build_s=builds[0],
        second_build_s=builds[1],
        size_mb=executable.stat().st_size / 1e6,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="oxidize-bench-"))
    try:
        results = [
            measure(name, code, dependencies, folder, arguments.runs)
            for name, (code, dependencies) in APPLICATIONS.items()
        ]
    finally:
        shutil.rmtree(folder)
    print(f"Python {sys.version.split()[0]}, {arguments.runs} pairs, medians; load {os.getloadavg()[0]:.1f}")
    print("application  executable  environment  times faster  first build  second build    size")
    for r in results:
        print(
            f"{r.application:11}  {r.executable_ms:7.1f} ms  {r.environment_ms:8.1f} ms  {r.ratio:12.2f}"
            f"  {r.first_build_s:9.1f} s  {r.second_build_s:10.1f} s  {r.size_mb:4.0f} MB"
        )
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(r) for r in results], indent=2))


if __name__ == "__main__":
    main()
