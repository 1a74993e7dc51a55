"""An executable that packs CPython's own tests, and is nothing but the interpreter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from oxidize_build.cache import Cache
from oxidize_build.collect import collect_stdlib
from oxidize_build.link import make_stub
from oxidize_build.pipeline import Workshop, pack
from oxidize_build.policy import DEFAULT_RULES, Rule, apply_policy
from oxidize_build.runtime import Runtime
from oxidize_build.settings import Command, Executable

TESTS = "tests of the standard library"
"""The reason of the default policy's rule that leaves the tests out."""

BECOME_PYTHON = "import os, sys; os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"


def pack_tests(runtime: Runtime, directory: Path) -> Path:
    """Return an executable in *directory* that takes the arguments of ``python`` and has the package test."""
    cache = Cache.default()
    workshop = Workshop(runtime, cache, make_stub(runtime, cache))
    kept = apply_policy(collect_stdlib(runtime), rules_with_tests()).kept
    executable = Executable(f"python{runtime.short_version}", Command(BECOME_PYTHON))
    return pack(executable, kept, workshop, directory, executable.name).path


def rules_with_tests() -> list[Rule]:
    """Return the default policy but for its rule about tests; what they read are files of all kinds."""
    rules = [rule for rule in DEFAULT_RULES if rule.reason != TESTS]
    assert len(rules) == len(DEFAULT_RULES) - 1
    return [replace(rule, unless=(*rule.unless, "**/test")) for rule in rules]
