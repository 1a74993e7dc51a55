"""What is left out by default, as a table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from oxidize_build.collect import PYTHON
from oxidize_build.patterns import compile_patterns

if TYPE_CHECKING:
    from oxidize_build.resources import Resource

STDLIB = re.compile(r"lib/python3\.\d+t?/")


@dataclass(frozen=True)
class Omission:
    """Files that are left out by default, and why."""

    reason: str
    patterns: tuple[str, ...]
    """As in :mod:`oxidize_build.patterns`."""
    unless: tuple[str, ...] = ()
    """Patterns of what is packed all the same."""
    is_stdlib: bool = False
    """Whether the patterns are relative to the standard library and only apply to the runtime's files."""

    def applies_to(self, resource: Resource) -> bool:
        """Whether *resource* is left out by this rule."""
        path = str(resource.path)
        if self.is_stdlib:
            below = STDLIB.match(path)
            if below is None or resource.origin != PYTHON:
                return False
            path = path[below.end() :]
        return bool(self._matching.fullmatch(path)) and not self._exempt.fullmatch(path)

    @cached_property
    def _matching(self) -> re.Pattern[str]:
        return compile_patterns(self.patterns)

    @cached_property
    def _exempt(self) -> re.Pattern[str]:
        return compile_patterns(self.unless)


DEFAULTS = (
    Omission("bytecode caches", ("**/__pycache__", "**/*.pyc", "**/*.pyo")),
    Omission("static archives", ("**/*.a",)),
    Omission("C headers", ("include", "**/include/**/*.h", "**/include/**/*.hpp")),
    Omission("C headers", ("**/*.h", "**/*.hpp"), is_stdlib=True),
    # lazy_loader reads a package's __init__.pyi at import; type checkers work with typeshed's stubs
    Omission("type stubs", ("**/*.pyi",), unless=("**/__init__.pyi", "**/typeshed")),
    Omission("Windows launchers", ("**/distlib/*.exe", "**/setuptools/*.exe")),
    Omission("Windows launchers", ("**/*.exe",), is_stdlib=True),
    Omission(
        "tests of the standard library",
        (
            "test",
            "ctypes/test",
            "distutils/tests",
            "lib2to3/tests",
            "sqlite3/test",
            "tkinter/test",
            "unittest/test",
            "lib-dynload/_ctypes_test*",
            "lib-dynload/_test*",
            "lib-dynload/_xxtestfuzz*",
            "lib-dynload/xxlimited*",
            "lib-dynload/xxsubtype*",
        ),
        is_stdlib=True,
    ),
    Omission("development tools", ("ensurepip", "idlelib", "turtledemo", "**/*.whl"), is_stdlib=True),
    Omission(
        "Tk, whose Tcl library is not packed",
        ("tkinter", "turtle.py", "lib-dynload/_tkinter*"),
        is_stdlib=True,
    ),
    Omission("NIS, which needs libtirpc", ("lib-dynload/nis.*",), is_stdlib=True),
)
"""What is left out by default for its path. Of tests of packages ``package_tests.py`` decides."""
