"""SIGTERM as an exception, so that a build that is told to end leaves nothing behind."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it: 128 and the number of SIGINT."""


@contextmanager
def exit_on_sigterm() -> Iterator[None]:
    """Raise SystemExit in the block when SIGTERM comes, with the status that a shell gives such an end.

    Another one is ignored while the block cleans up. Nothing changes where the process has a
    handler of its own, and in a thread that is not the main one, which cannot have handlers.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _exit(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)
