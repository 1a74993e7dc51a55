"""How an error in a hook reaches the person who runs the front end."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from oxidize_build.errors import OxidizeError
from oxidize_build.termination import INTERRUPTED, exit_on_sigterm


@contextmanager
def readable_errors() -> Iterator[None]:
    """Print an OxidizeError on standard error and end the process with its exit status.

    An exception has no way through PEP 517 but a traceback of the hook's process, in which build, pip and
    uv bury the message. When that process exits instead, they show what it wrote, then say which hook failed.
    SIGTERM makes it exit too, once the hook has cleaned up, and so does Ctrl-C, which the front end
    gets itself.
    """
    try:
        with exit_on_sigterm():
            yield
    except OxidizeError as error:
        sys.stdout.flush()
        print(f"error: {error}", file=sys.stderr, flush=True)  # noqa: T201 (no logger is set up in a hook)
        raise SystemExit(error.exit_status) from None
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
