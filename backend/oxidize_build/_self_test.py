"""Run inside an executable, not imported by the build: imports every packed module in child processes.

Takes the path of a JSON list of module names, or finds it beside itself, and writes a JSON object to
standard output: ``{"imported": N, "skipped": [...], "unmet": {NAME: WHY}, "failed": {NAME: WHY}}``.
*unmet* are the modules that ask for a module which is not packed, as optional parts of packages do, and
those that by their names are for another system. The exit status is 1 if any failed. Standard library only,
and little of it: each import is to be the module's own.
"""

import json
import os
import re
import select
import signal
import sys

SECONDS = 120
"""How long one module may take."""

ACTING = frozenset({"antigravity", "this", "idlelib.idle", "turtledemo.__main__"})
"""Modules of the standard library whose import does something to see."""

ELSEWHERE = frozenset("android darwin ios mac macos mbcs nt oem osx win win32 winconsole windows".split())
"""Words in the names of modules that are for another system than this one."""


def main() -> int:
    """Import the modules; print what happened and return the exit status."""
    beside = os.path.splitext(__file__)[0] if "__file__" in globals() else ""
    with open(sys.argv[1] if len(sys.argv) > 1 else f"{beside}.json", encoding="utf-8") as file:
        names = json.load(file)
    skipped = [name for name in names if name in ACTING or name.rpartition(".")[2] == "__main__"]
    answers = _import_all([name for name in names if name not in set(skipped)])
    failed = {name: why for name, why in answers.items() if why is not None}
    tops = {name.partition(".")[0] for name in names} | set(sys.builtin_module_names)
    unmet = {
        name: why
        for name, why in failed.items()
        if ELSEWHERE & set(re.split(r"[._]", name)) or _asks_for(why, tops)
    }
    report = {
        "imported": len(answers) - len(failed),
        "skipped": skipped,
        "unmet": unmet,
        "failed": {name: why for name, why in failed.items() if name not in unmet},
    }
    print(json.dumps(report))  # noqa: T201 (the result)
    return 1 if report["failed"] else 0


def _import_all(names: list[str]) -> dict[str, "str | None"]:
    """Return what is wrong with each module: None for those that can be imported."""
    answers: dict[str, str | None] = {}
    while len(answers) < len(names):
        rest = names[len(answers) :]
        got, ending = _import_in_child(rest)
        answers.update(zip(rest, got))  # noqa: B905 (fewer answers than names)
        if len(got) < len(rest):
            answers[rest[len(got)]] = ending
    return answers


def _import_in_child(names: list[str]) -> "tuple[list[str | None], str]":
    """Import *names* in one child process; return its answers, and how it ended if it did not finish."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _serve(names, writer)
    os.close(writer)
    answers: list[str | None] = []
    ending = "the process ended"
    with os.fdopen(reader, encoding="utf-8") as lines:
        while len(answers) < len(names):
            if not select.select([reader], [], [], SECONDS)[0]:
                ending = f"does not come back within {SECONDS} seconds"
                os.kill(child, signal.SIGKILL)
                break
            line = lines.readline()
            if not line:
                break
            answers.append(json.loads(line))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if len(answers) < len(names) and ending == "the process ended":
        ending = (
            f"ends the process: {signal.Signals(-status).name if status < 0 else f'exit status {status}'}"
        )
    return answers, ending


def _serve(names: list[str], writer: int) -> None:
    """Import one module after the other, and write an answer after each; never return."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nowhere, descriptor)
    sys.argv[1:] = []
    for name in names:
        answer = None
        try:
            __import__(name)
        except Exception as error:  # noqa: BLE001 (whatever a module may raise)
            answer = f"{type(error).__name__}: {error}"
        except SystemExit as error:
            answer = f"ends the program with {error.code!r}"
        os.write(writer, (json.dumps(answer) + "\n").encode())
    os._exit(0)


def _asks_for(why: str, tops: set[str]) -> bool:
    """Whether *why* says that a module is not there that was pruned, or of which not even the package is."""
    quoted = why.split("'")
    return why.startswith("ModuleNotFoundError: No module named ") and (
        quoted[1].partition(".")[0] not in tops or ": it was pruned, " in why
    )


if __name__ == "__main__":
    sys.exit(main())
