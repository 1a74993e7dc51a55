"""What the instrumented interpreter runs, for the compiler to learn which code is hot."""

from __future__ import annotations

import os
from pathlib import Path

NO_PROFILE = {"LLVM_PROFILE_FILE": os.devnull}
"""Keeps an instrumented program from writing what it has recorded."""
TESTS_FAILED = 2
"""Status of CPython's test programme when a test has failed: ``EXITCODE_BAD_TEST`` of its libregrtest."""
_SECONDS_PER_TEST = 600
_STARTS = 40
_START_ARGUMENTS = (
    ("-I", "-S", "-c", "pass"),
    ("-c", "import argparse, json, logging, pathlib, re, subprocess"),
    ("-I", "-c", "import asyncio, dataclasses, email.message, typing"),
)


def test_command(python: Path) -> list[str]:
    """Return the command that runs some forty test files, which CPython itself has chosen for the purpose."""
    return [str(python), "-m", "test", "--pgo", f"--timeout={_SECONDS_PER_TEST}"]


def start_command(python: Path, bytecode: Path) -> list[str]:
    """Return the command that starts *python*, as executables start it, for a module of *bytecode*."""
    return [str(python), "-I", "-S", str(bytecode)]


def start_commands(python: Path) -> list[list[str]]:
    """Return commands that start *python* and do little.

    CPython's tests hardly do that, and it is what a command line program does most.
    """
    return [[str(python), *arguments] for arguments in _START_ARGUMENTS for _ in range(_STARTS)]
