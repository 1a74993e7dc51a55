"""What a build is doing, told on standard error: live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

console = Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def stage(title: str) -> Iterator[None]:
    """Show *title* while the block runs, and how long it took, in seconds, when it has ended."""
    started = time.monotonic()
    if console.is_terminal:
        with console.status(title):
            yield
    else:
        yield
    note(f"{title} ({time.monotonic() - started:.1f} s)")


def note(text: str) -> None:
    """Print one line about the build."""
    console.print(text, markup=False)
