"""Tables of what has been measured: for a terminal, and as Markdown for the documentation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from suite.results import Measured, Results, reference

PLOT = "benchmarks/startup.svg"
"""Where the plot is, from the page that shows it."""
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
HEADINGS = (
    "",
    "ms",
    "spread",
    "ratio",
    "memory MB",
    "instructions M",
    "size MB",
    "build s",
    "again s",
    "build MB",
)
TITLES = {
    "hello": "Hello",
    "flask": "Flask, one request by its test client",
    "numpy": "numpy, imported and used once",
    "black": "black --version",
    "stdlib": "The whole standard library, imported",
    "files": "10,000 data files of 100 MB",
}
"""Of the applications, in the documentation."""


def rows(subjects: Sequence[Measured]) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each of the *subjects* of one application."""
    for subject in subjects:
        compared = reference(subject, subjects)
        yield (
            subject.label,
            f"{subject.median * 1000:.1f}" if subject.seconds else "",
            f"{subject.spread:.0%}" if subject.seconds else "",
            f"{subject.ratio_to(compared):.2f}" if compared and subject.seconds else "",
            f"{max(subject.memory) / 1e6:.1f}" if subject.memory else "",
            _number(subject.instructions, 1e6, 1),
            _number(subject.size, 1e6, 1),
            _number(subject.cold, 1, 1),
            _number(subject.warm, 1, 1),
            _number(subject.build_memory, 1e6, 0),
        )


def plain(results: Results) -> str:
    """Return all tables as text."""
    parts = [*_conditions(results), ""]
    for application in results.applications:
        table = [HEADINGS, *rows(results.of(application))]
        widths = [max(len(row[column]) for row in table) for column in range(len(HEADINGS))]
        parts.append(TITLES.get(application, application))
        for row in table:
            cells = [
                row[0].ljust(widths[0]),
                *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True)),
            ]
            parts.append("  ".join(cells).rstrip())
        parts.append("")
    return "\n".join(parts)


def markdown(results: Results) -> str:
    """Return all tables as Markdown, of the columns that have anything in them."""
    parts = [
        "",
        f"![Time from start to exit]({PLOT})",
        "",
        *(f"- {line}" for line in _conditions(results)),
        "",
    ]
    for application in results.applications:
        table = [*rows(results.of(application))]
        columns = [n for n in range(len(HEADINGS)) if n == 0 or any(row[n] for row in table)]
        parts += [f"### {TITLES.get(application, application)}", ""]
        parts.append("| " + " | ".join(HEADINGS[n] for n in columns) + " |")
        parts.append("| " + " | ".join("---" if n == 0 else "--:" for n in columns) + " |")
        parts += ["| " + " | ".join(row[n] for n in columns) + " |" for row in table]
        parts.append("")
    return "\n".join(parts)


def insert(page: Path, results: Results) -> None:
    """Write the tables of *results* between the marks in the *page*."""
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    page.write_text(f"{before}{BEGIN}\n{markdown(results)}\n{END}{after}", encoding="utf-8")


def _conditions(results: Results) -> list[str]:
    interpreters = "; ".join(f"{kind}: {what}" for kind, what in results.interpreters.items())
    tools = ", ".join(f"{name} {version}" for name, version in results.tools.items())
    before, after = results.load
    load = f"load {before:.1f} before and {after:.1f} after"
    return [
        f"Machine: {results.machine}",
        f"Interpreters: {interpreters}",
        *([f"Tools: {tools}"] if tools else []),
        f"{results.rounds} rounds in turn; {load}"
        + (": THE MACHINE WAS BUSY, times mean little" if results.busy else ""),
    ]


def _number(value: float | None, unit: float, digits: int) -> str:
    return "" if value is None else f"{value / unit:.{digits}f}"
