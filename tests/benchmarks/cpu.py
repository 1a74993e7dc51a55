"""Ten CPU benchmarks of pyperformance, on several interpreters in turn.

    python tests/benchmarks/cpu.py [--rounds N] [--json FILE] PYTHON [PYTHON ...]

pyperformance and pyperf are installed into a temporary folder from PyPI. In each round every
interpreter runs a benchmark once, one after the other, so that a machine whose speed drifts treats
all alike. The figures are medians, the ratios those of the first interpreter to each other one, round
by round: above 1 the first one is faster.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS = 0.5
"""About as long a single measurement takes."""


@dataclass(frozen=True)
class Benchmark:
    """One benchmark of pyperformance that needs nothing beside the standard library."""

    name: str
    arguments: tuple[str, ...] = ()

    def script(self, tools: Path) -> Path:
        return tools / "pyperformance/data-files/benchmarks" / f"bm_{self.name}" / "run_benchmark.py"


BENCHMARKS = (
    Benchmark("chaos"),
    Benchmark("deltablue"),
    Benchmark("float"),
    Benchmark("go"),
    Benchmark("json_dumps"),
    Benchmark("nbody"),
    Benchmark("pickle", ("--pure-python", "pickle")),
    Benchmark("regex_compile"),
    Benchmark("richards"),
    Benchmark("sqlite_synth"),
)


def install(folder: Path) -> Path:
    """Install the tools for any interpreter: their parts that are compiled are not needed."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    subprocess.run([*pip, "pyperf", "pyperformance"], check=True)
    return folder


def measure(python: str, benchmark: Benchmark, loops: int, tools: Path) -> float:
    """Return the seconds that one loop of *benchmark* takes."""
    output = tools / "result.json"
    output.unlink(missing_ok=True)
    options = ["--worker", "--warmups=1", "--values=1", f"--loops={loops}", f"--output={output}"]
    subprocess.run(
        [python, "-W", "ignore", benchmark.script(tools), *options, *benchmark.arguments],
        env={**os.environ, "PYTHONPATH": str(tools), "PYTHONHASHSEED": "0"},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (value,) = json.loads(output.read_text())["benchmarks"][0]["runs"][0]["values"]
    return float(value)


def compare(pythons: Sequence[str], benchmark: Benchmark, rounds: int, tools: Path) -> list[list[float]]:
    """Return the times in seconds: one list for each interpreter, of one value for each round."""
    loops = max(1, round(SECONDS / measure(pythons[0], benchmark, 1, tools)))
    rows = [[measure(python, benchmark, loops, tools) for python in pythons] for _ in range(rounds)]
    return [list(column) for column in zip(*rows, strict=True)]


def ratios(times: Sequence[Sequence[float]]) -> list[float]:
    """Return how many times as long each interpreter takes as the first."""
    first = times[0]
    return [statistics.median(b / a for a, b in zip(first, other, strict=True)) for other in times]


def show(pythons: Sequence[str], results: Mapping[str, Sequence[Sequence[float]]]) -> None:
    width = max(map(len, results))
    for number, python in enumerate(pythons):
        print(f"[{number}] {python}")
    numbers = "".join(f"{f'[{n}] ms':>11}" for n in range(len(pythons)))
    others = "".join(f"{f'[{n}]/[0]':>9}" for n in range(1, len(pythons)))
    print(f"{'':{width}}{numbers}{others}")
    for name, times in results.items():
        medians = "".join(f"{statistics.median(column) * 1000:11.3f}" for column in times)
        print(f"{name:{width}}{medians}" + "".join(f"{ratio:9.2f}" for ratio in ratios(times)[1:]))
    columns = zip(*(ratios(times)[1:] for times in results.values()), strict=True)
    means = [math.exp(statistics.fmean(map(math.log, column))) for column in columns]
    print(f"{'geometric mean':{width + 11 * len(pythons)}}" + "".join(f"{mean:9.2f}" for mean in means))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pythons", metavar="PYTHON", nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="oxidize-bench-") as folder:
        tools = install(Path(folder))
        results = {
            benchmark.name: compare(arguments.pythons, benchmark, arguments.rounds, tools)
            for benchmark in BENCHMARKS
        }
    print(f"{arguments.rounds} rounds, load {os.getloadavg()[0]:.1f}")
    show(arguments.pythons, results)
    if arguments.json:
        arguments.json.write_text(json.dumps({"pythons": arguments.pythons, "seconds": results}, indent=2))


if __name__ == "__main__":
    main()
