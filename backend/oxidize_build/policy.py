"""What of the collected resources is packed."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from oxidize_build.collect import PYTHON
from oxidize_build.resources import ExtensionModule, NamespacePackage, SourceModule

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from oxidize_build.resources import Resource

STDLIB = re.compile(r"lib/python3\.\d+/")


@dataclass(frozen=True)
class Rule:
    """Files that are left out, and why.

    Patterns are those of gitignore with a leading slash: ``*`` and ``?`` stop at a slash, ``**/`` is
    any number of directories, and a pattern that matches a directory matches all that is in it.
    """

    reason: str
    patterns: tuple[str, ...]
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
        return _compiled(self.patterns)

    @cached_property
    def _exempt(self) -> re.Pattern[str]:
        return _compiled(self.unless)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many resources were left out for one reason."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """What is packed, and account of the rest."""

    kept: tuple[Resource, ...]
    """In the order they were given in."""
    left_out: tuple[LeftOut, ...]
    """In the order of the rules, reasons that applied to nothing left out."""


DEFAULT_RULES = (
    Rule("bytecode caches", ("**/__pycache__", "**/*.pyc", "**/*.pyo")),
    Rule("static archives", ("**/*.a",)),
    Rule("C headers", ("include", "**/include/**/*.h", "**/include/**/*.hpp")),
    Rule("C headers", ("**/*.h", "**/*.hpp"), is_stdlib=True),
    # lazy_loader reads a package's __init__.pyi at import; type checkers work with typeshed's stubs
    Rule("type stubs", ("**/*.pyi",), unless=("**/__init__.pyi", "**/typeshed")),
    Rule("Windows launchers", ("**/distlib/*.exe", "**/setuptools/*.exe")),
    Rule("Windows launchers", ("**/*.exe",), is_stdlib=True),
    Rule(
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
    Rule("development tools", ("ensurepip", "idlelib", "turtledemo", "**/*.whl"), is_stdlib=True),
    Rule(
        "Tk, whose Tcl library is not packed",
        ("tkinter", "turtle.py", "lib-dynload/_tkinter*"),
        is_stdlib=True,
    ),
    Rule("NIS, which needs libtirpc", ("lib-dynload/nis.*",), is_stdlib=True),
)
"""What is left out by default.

Tests inside third-party packages stay: packages import them at times, as numpy does ``numpy.testing``.
"""

EMPTY_NAMESPACE = "namespace packages whose modules are left out"


def apply_policy(resources: Iterable[Resource], rules: Sequence[Rule] = DEFAULT_RULES) -> PolicyResult:
    """Return what of *resources* is packed: all that no rule leaves out, the first to apply counting.

    A namespace package of which no module is left goes too, since nothing could be imported from it.
    """
    counts: Counter[str] = Counter()
    kept: list[Resource] = []
    for resource in resources:
        rule = next((rule for rule in rules if rule.applies_to(resource)), None)
        if rule is None:
            kept.append(resource)
        else:
            counts[rule.reason] += 1
    in_use = {
        parent
        for resource in kept
        if isinstance(resource, SourceModule | ExtensionModule)
        for parent in resource.path.parents
    }
    packed = tuple(r for r in kept if not isinstance(r, NamespacePackage) or r.path in in_use)
    counts[EMPTY_NAMESPACE] = len(kept) - len(packed)
    reasons = dict.fromkeys([*(rule.reason for rule in rules), EMPTY_NAMESPACE])
    return PolicyResult(
        packed, tuple(LeftOut(reason, counts[reason]) for reason in reasons if counts[reason])
    )


def _compiled(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"{_expression(pattern)}(?:/.*)?" for pattern in patterns) or r"(?!)")


def _expression(pattern: str) -> str:
    """Return the regular expression of a pattern."""
    meanings = {"**/": "(?:[^/]+/)*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*|\?)", pattern)
    return "".join(meanings.get(part, re.escape(part)) for part in parts)
