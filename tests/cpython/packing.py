"""An executable that packs CPython's own tests, and is nothing but the interpreter."""

from __future__ import annotations

from pathlib import Path

from oxidize_build.cache import Cache
from oxidize_build.collect import collect_stdlib
from oxidize_build.link import make_stub
from oxidize_build.pipeline import Workshop, pack
from oxidize_build.policy import Policy, apply_policy
from oxidize_build.runtime import Runtime
from oxidize_build.settings import Command, Executable
from oxidize_build.settings.model import Rule

WITH_TESTS = Policy(
    rules=(
        Rule(
            package=("python",),
            files=("**/test", "**/tests", "**/lib-dynload/_*test*", "**/lib-dynload/xx*"),
            include=True,
        ),
    )
)
"""Pack the tests; what they read are files of all kinds."""

BECOME_PYTHON = "import os, sys; os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"


def pack_tests(runtime: Runtime, directory: Path) -> Path:
    """Return an executable in *directory* that takes the arguments of ``python`` and has the package test."""
    cache = Cache.default()
    workshop = Workshop(runtime, cache, make_stub(runtime, cache))
    kept = apply_policy(collect_stdlib(runtime), runtime, WITH_TESTS).kept
    executable = Executable(f"python{runtime.short_version}", Command(BECOME_PYTHON))
    return pack(executable, kept, workshop, directory / executable.name).path
