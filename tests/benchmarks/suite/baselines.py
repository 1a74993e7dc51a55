"""What programs are compared with: the emptiest ones, and plain Pythons."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from suite.applications import Application
from suite.interpreters import DEBIAN, HOST, Interpreter
from suite.results import Built


@dataclass(frozen=True, slots=True)
class Baseline:
    """A command that nobody has to build."""

    label: str
    interpreter: str
    built: Built


def baselines(
    application: Application, interpreters: Sequence[Interpreter], folder: Path
) -> Iterator[Baseline]:
    """Yield what *application* is compared with."""
    if application.name == "hello":
        yield from _empty_programs(folder)
        yield from (_plain(interpreter) for interpreter in interpreters)
        if DEBIAN.exists():
            yield Baseline("Debian's python3.11 -I -S -c pass", "", _pass(DEBIAN))
    if application.name == "stdlib":
        script = folder / "stdlib.py"
        script.write_text(application.code, encoding="utf-8")
        for interpreter in interpreters:
            command = (str(interpreter.python), "-I", "-S", str(script))
            yield Baseline(f"python -I -S{_suffix(interpreter)}", interpreter.kind, Built(command))


def _plain(interpreter: Interpreter) -> Baseline:
    label = f"python -I -S -c pass{_suffix(interpreter)}"
    return Baseline(label, interpreter.kind, _pass(interpreter.python))


def _suffix(interpreter: Interpreter) -> str:
    return "" if interpreter.kind == HOST else ", own runtime"


def _pass(python: Path) -> Built:
    return Built((str(python), "-I", "-S", "-c", "pass"))


def _empty_programs(folder: Path) -> Iterator[Baseline]:
    source = folder / "empty.c"
    source.write_text("int main(void) { return 0; }\n", encoding="ascii")
    for label, flags in {"empty C program": [], "empty C program, static": ["-static"]}.items():
        program = folder / label.replace(" ", "-").replace(",", "")
        subprocess.run(["cc", "-O2", *flags, "-o", program, source], check=True)
        yield Baseline(label, "", Built((str(program),), program.stat().st_size))
