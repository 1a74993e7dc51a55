"""The functions that a start of the interpreter executes, together in one place of an executable.

An optimising compiler knows how often a function is executed, not when: those of a start stand between
all that training has found to be hot. The kernel maps what is beside them as well, sixteen pages for each
that is missing: a third of the memory of a program that does little.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from elftools.elf.elffile import ELFFile

from oxidize_build.runtime.build.plan import Plan, Workshop
from oxidize_build.runtime.build.steps import Tools
from oxidize_build.runtime.build.training import NO_PROFILE, start_command

_REPORT = "start-functions.txt"
"""File of the profile's directory in which llvm-profdata lists what a start has executed."""
_RENAMING = "start-sections.txt"
"""File of the workshop with the arguments by which sections are renamed."""
_NAME = re.compile(r"^  (?:[^\s;]*;)?(?P<name>\w+):$", re.MULTILINE)
"""A function in such a list; the file that it is in stands before it if no other one may call it."""
_SECTION = re.compile(r"\.text\.(?:hot\.|unlikely\.)?(?P<function>[A-Za-z_]\w*)(?P<suffix>\.llvm\.\d+)?")
"""A function's own section; what other files got to know of only when they were linked has a number."""
_STARTUP = ".text.startup."
"""How the names of sections begin that compilers themselves give to code of the start."""


def record_start(plan: Plan, workshop: Workshop, tools: Tools) -> None:
    """Start the instrumented interpreter once, and list the functions that it executes.

    Raises RuntimeBuildError when a command fails.
    """
    python, profile = workshop.first_stage / "python", workshop.profile
    merge = plan.toolchain.profdata or "llvm-profdata"
    raw, merged = profile / "start.raw", profile / "start.profdata"
    source, bytecode = profile / "start.py", profile / "start.pyc"
    source.write_text("print('hello')\n", "ascii")
    compile_it = f"import py_compile; py_compile.compile({str(source)!r}, {str(bytecode)!r})"
    tools.run([python, "-c", compile_it], cwd=workshop.first_stage, environment=NO_PROFILE)
    start = start_command(python, bytecode)
    tools.run(start, cwd=workshop.first_stage, environment={"LLVM_PROFILE_FILE": str(raw)})
    tools.run([merge, "merge", "-o", merged, raw], cwd=profile)
    report = str(profile / _REPORT)
    tools.run([merge, "show", "--all-functions", "--value-cutoff=1", "-o", report, merged], cwd=profile)


def gather_start(
    library: Path, objects: Iterable[Path], plan: Plan, workshop: Workshop, tools: Tools
) -> None:
    """Rename the sections of what a start executes in *library*, which is made of *objects*.

    Linkers put sections of such names side by side. Nothing is done if no start was recorded, or the compiler
    has not given each function a section of its own.

    Raises RuntimeBuildError when the sections cannot be renamed.
    """
    report = workshop.profile / _REPORT
    if not report.is_file() or plan.toolchain.objcopy is None:
        return
    executed = executed_functions(report.read_text("utf-8"))
    names = {name for path in objects for name in _sections(path)}
    renamed = start_sections(names, executed)
    if renamed:
        arguments = workshop.root / _RENAMING
        lines = (f"--rename-section={old}={new}\n" for old, new in sorted(renamed.items()))
        arguments.write_text("".join(lines), "ascii")
        tools.run([plan.toolchain.objcopy, f"@{arguments}", library], cwd=workshop.root)


def executed_functions(report: str) -> frozenset[str]:
    """Return the names of the functions in *report*, the output of ``llvm-profdata show --all-functions``."""
    return frozenset(_NAME.findall(report))


def start_sections(names: Iterable[str], executed: frozenset[str]) -> dict[str, str]:
    """Return the new names of those sections among *names* that hold a function of *executed*."""
    found = filter(None, map(_SECTION.fullmatch, names))
    return {
        section[0]: f"{_STARTUP}{section['function']}{section['suffix'] or ''}"
        for section in found
        if section["function"] in executed
    }


def _sections(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        for section in ELFFile(file).iter_sections():
            yield section.name
