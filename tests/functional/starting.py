"""Start executables with and without their snapshot."""

from __future__ import annotations

import os
import re
import subprocess

NOT_USED = "the snapshot is not used"


def start(command: list[str], seconds: float | None = None, /, **more: str) -> tuple[int, str, str]:
    """Run a command and return its status and what it writes, without addresses of objects.

    Raises TimeoutExpired if it has not ended after so many *seconds*.
    """
    environment = {**os.environ, **more}
    done = subprocess.run(command, capture_output=True, env=environment, check=False, timeout=seconds)
    texts = [re.sub("0x[0-9a-f]+", "0x", text.decode()) for text in (done.stdout, done.stderr)]
    return done.returncode, texts[0], texts[1]


def compare(command: list[str], **more: str) -> str:
    """Start with and without the snapshot, expect no difference, and return the output."""
    with_snapshot = start(command, OXIDIZE_SNAPSHOT="explain", **more)
    assert with_snapshot == start(command, OXIDIZE_SNAPSHOT="off", **more)
    return with_snapshot[1]
