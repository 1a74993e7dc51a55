"""Ten CPU benchmarks of pyperformance, on several interpreters in turn.

    python tests/benchmarks/cpu.py [--rounds N] [--json FILE] TITLE=PYTHON [TITLE=PYTHON ...]

PYTHON is an interpreter, or the archive of a runtime. pyperformance and pyperf are installed into a
temporary folder from PyPI. In each round every interpreter runs a benchmark once, one after the other, so
that a machine whose speed drifts treats all alike. The table that is printed, for docs/runtimes.md, has the
medians, and how many times as long the other interpreters take as the first one, compared round by round.
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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2] / "backend"))

from oxidize_build.runtime.extract import extract
from oxidize_build.runtime.standalone import standalone_runtime

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


@dataclass(frozen=True)
class Contestant:
    """An interpreter, and what the table calls it."""

    title: str
    python: str


def contestant(text: str, folder: Path) -> Contestant:
    """Return the interpreter that ``TITLE=PYTHON`` names; an archive is unpacked in *folder* for it."""
    title, _, path = text.rpartition("=")
    if ".tar" not in path:
        return Contestant(title or path, path)
    unpacked = folder / Path(path).name
    extract(Path(path), unpacked)
    return Contestant(title or unpacked.name, str(standalone_runtime(unpacked / "python").python))


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


def table(titles: Sequence[str], results: Mapping[str, Sequence[Sequence[float]]]) -> Iterator[str]:
    """Yield the lines of the table, in Markdown."""
    first, *others = titles
    yield _row("", f"{first}, ms", *(cell for title in others for cell in (f"{title}, ms", "times as long")))
    yield _row("---", "---:", *("---:", "---:") * len(others))
    for name, times in results.items():
        medians = [_milliseconds(statistics.median(column)) for column in times]
        compared = zip(medians[1:], ratios(times)[1:], strict=True)
        yield _row(name, medians[0], *(cell for ms, ratio in compared for cell in (ms, f"{ratio:.2f}")))
    columns = zip(*(ratios(times)[1:] for times in results.values()), strict=True)
    means = [math.exp(statistics.fmean(map(math.log, column))) for column in columns]
    yield _row("geometric mean", "", *(cell for mean in means for cell in ("", f"{mean:.2f}")))


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f}" if seconds >= 0.1 else f"{seconds * 1000:.3g}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pythons", metavar="TITLE=PYTHON", nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="oxidize-bench-") as folder:
        tools = install(Path(folder) / "tools")
        contestants = [contestant(text, Path(folder)) for text in arguments.pythons]
        pythons = [each.python for each in contestants]
        results = {
            benchmark.name: compare(pythons, benchmark, arguments.rounds, tools) for benchmark in BENCHMARKS
        }
    print(f"{arguments.rounds} rounds, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    for line in table([each.title for each in contestants], results):
        print(line)
    if arguments.json:
        titles = [each.title for each in contestants]
        arguments.json.write_text(json.dumps({"pythons": titles, "seconds": results}, indent=2))


if __name__ == "__main__":
    main()
