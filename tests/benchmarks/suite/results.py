"""What has been measured: records that are written as JSON, and the statistics of them."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Built:
    """What a tool has made of an application."""

    command: tuple[str, ...]
    """Starts it."""
    size: int | None = None
    """Of all that is delivered, in bytes; None where nothing is."""
    cold: float | None = None
    """Seconds that building took with empty caches, but for pip's."""
    warm: float | None = None
    """Seconds that it took again, after one line of the application had changed."""
    build_memory: int | None = None
    """The most that a process of the build had resident, in bytes."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One subject: an application as a tool has made it, or what it is compared with."""

    application: str
    label: str
    interpreter: str
    """``host`` or ``own`` for the runtime that was named; empty for what is not in Python."""
    seconds: tuple[float, ...]
    """Of each round. The same index in two subjects of an application is the same round."""
    memory: tuple[int, ...]
    """In bytes, of each round."""
    instructions: int | None
    size: int | None
    cold: float | None
    warm: float | None
    build_memory: int | None

    @property
    def median(self) -> float:
        """Of the seconds."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """Distance between the quartiles of the seconds, as a part of the median."""
        if len(self.seconds) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.seconds, n=4)
        return (high - low) / self.median

    def ratio_to(self, other: Measured) -> float:
        """Return how many times as long as *other* this takes: the median over the rounds."""
        return statistics.median(a / b for a, b in zip(self.seconds, other.seconds, strict=True))


@dataclass(frozen=True, slots=True)
class Results:
    """All that one run of the benchmarks has found."""

    machine: str
    interpreters: dict[str, str]
    """What each interpreter is."""
    tools: dict[str, str]
    """Version of each tool."""
    rounds: int
    load: tuple[float, float]
    """Average over a minute, before and after."""
    busy: bool
    subjects: tuple[Measured, ...]

    def of(self, application: str) -> list[Measured]:
        """Return the subjects of an *application*, in the order in which they were measured."""
        return [subject for subject in self.subjects if subject.application == application]

    @property
    def applications(self) -> list[str]:
        """Names of the applications, in order."""
        return list(dict.fromkeys(subject.application for subject in self.subjects))


def reference(subject: Measured, subjects: Sequence[Measured]) -> Measured | None:
    """Return what *subject* is compared with: oxidize's first with its interpreter, else with the last."""
    ours = [other for other in subjects if other.label.startswith("oxidize")]
    interpreters = [other.interpreter for other in ours]
    wanted = subject.interpreter if subject.interpreter in interpreters else "".join(interpreters[-1:])
    return next((other for other in ours if other.interpreter == wanted), None)


def write(results: Results, path: Path) -> None:
    """Write *results* as JSON."""
    path.write_text(json.dumps(asdict(results), indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> Results:
    """Read what :func:`write` has written."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    subjects = [
        Measured(**{**subject, "seconds": tuple(subject["seconds"]), "memory": tuple(subject["memory"])})
        for subject in content.pop("subjects")
    ]
    return Results(**{**content, "load": tuple(content["load"])}, subjects=tuple(subjects))
