"""What a build is doing, told on standard error: live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

console = Console(stderr=True, highlight=False, soft_wrap=True)
_records: list[list[Stage]] = []


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a build that has ended."""

    title: str
    seconds: float


@contextmanager
def recorded() -> Iterator[list[Stage]]:
    """Give a list to which the stages are added that end well while the block runs, in order."""
    record: list[Stage] = []
    _records.append(record)
    try:
        yield record
    finally:
        _records[:] = [other for other in _records if other is not record]


@contextmanager
def stage(title: str, *, shown: bool = True) -> Iterator[None]:
    """Show *title* while the block runs, and how long it took, in seconds, when it has ended.

    One that runs in the background is not *shown* while it does: a terminal has room for one.
    """
    started = time.monotonic()
    if shown and console.is_terminal:
        with console.status(title):
            yield
    else:
        yield
    ended = Stage(title, time.monotonic() - started)
    for record in _records:
        record.append(ended)
    note(f"{title} ({ended.seconds:.1f} s)")


@contextmanager
def transfer(title: str, done: int, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how much of *total* bytes is *done*; the block calls what it is given with more."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, completed=done, total=total)
        yield lambda size: bar.update(task, advance=size)


def note(text: str) -> None:
    """Print one line about the build."""
    console.print(text, markup=False)
