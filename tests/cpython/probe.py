"""Run one file of CPython's tests in this interpreter, and write down what became of each test.

    python probe.py RECORD ARGUMENTS...

The arguments are those of ``python -m test``, which does the running in this process. RECORD gets a line of
JSON for each result as it comes, so that a crash shows how far it got.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import unittest
from pathlib import Path
from typing import Any

STATUS_OF_METHOD = {
    "addSuccess": "passed",
    "addError": "failed",
    "addFailure": "failed",
    "addUnexpectedSuccess": "failed",
    "addExpectedFailure": "passed",
    "addSkip": "skipped",
}


class Recorder:
    """Writes results; but not those of a fork of the process that it was made in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.process = os.getpid()

    def write(self, test: Any, status: str, detail: str) -> None:
        if os.getpid() == self.process:
            name = test.id() if hasattr(test, "id") else str(test)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"test": str(name), "status": status, "detail": detail}) + "\n")

    def watch(self, method: str, status: str) -> None:
        """Have the results written that *method* of unittest's result class is told."""
        original = getattr(unittest.TestResult, method)

        def watched(result: Any, test: Any, *rest: Any) -> None:
            self.write(test, status, describe(rest[0]) if rest else "")
            original(result, test, *rest)

        setattr(unittest.TestResult, method, watched)

    def watch_subtests(self) -> None:
        original = unittest.TestResult.addSubTest

        def watched(result: Any, test: Any, subtest: Any, error: Any) -> None:
            if error is not None:
                self.write(test, "failed", f"{subtest}: {describe(error)}")
            original(result, test, subtest, error)

        unittest.TestResult.addSubTest = watched  # type: ignore[assignment, method-assign]  # for any test


def describe(error: Any) -> str:
    """Shorten an error, or the reason for which a test was skipped."""
    return f"{error[0].__name__}: {error[1]}"[:500] if isinstance(error, tuple) else str(error)[:500]


def tolerate_read_only_library() -> None:
    """Let the tests clean up after themselves: they delete from every directory of ``sys.path`` what may be
    there, and a file system that is read-only says so before it says that there is no such file.
    """
    from test.support import import_helper  # type: ignore[import-not-found]  # noqa: PLC0415 - in an executable only

    original = import_helper.unlink

    def unlink(path: str) -> None:
        try:
            original(path)
        except OSError as error:
            if error.errno != errno.EROFS or Path(path).exists():
                raise

    import_helper.unlink = unlink


def main() -> None:
    recorder = Recorder(Path(sys.argv.pop(1)).absolute())
    for method, status in STATUS_OF_METHOD.items():
        recorder.watch(method, status)
    recorder.watch_subtests()
    tolerate_read_only_library()
    from test.libregrtest.main import main as run  # type: ignore[import-not-found]  # noqa: PLC0415 - in an executable only

    run()


if __name__ == "__main__":
    main()
