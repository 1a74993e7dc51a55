"""Packages with a snapshot: whatever differs between processes, the output is the one without it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from compat import (
    SECONDS_TO_RUN,
    SUCCESS,
    CompatError,
    Package,
    build,
    end_session,
    last_lines,
    write_project,
)

SWITCH = "OXIDIZE_SNAPSHOT"
NOT_USED = "the snapshot is not used"
MARK = "told: "

VARIANTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "plain": ('"$0"', {}),
    "arguments": ('"$0" --an-option "b c" ü', {}),
    "environment": (
        '"$0"',
        {"LANGUAGE": "de", "DEBUG": "1", "EDITOR": "vi", "COLUMNS": "50", "TERM": "dumb"},
    ),
    "empty environment": (f'exec env -i {SWITCH}="${SWITCH}" "$0"', {}),
    "directory": ('mkdir elsewhere && cd elsewhere && "$0"', {}),
    "locale C": ('"$0"', {"LC_ALL": "C"}),
    "locale unknown": ('"$0"', {"LC_ALL": "de_DE.UTF-8"}),
    "time zone": ('"$0"', {"TZ": "America/New_York"}),
    "stdin closed": ('"$0" <&-', {}),
    "signals ignored": ('trap "" INT HUP USR1; "$0"', {}),
    "umask": ('umask 077; "$0"', {}),
    "other user": ('exec setpriv --reuid 65534 --regid 65534 --clear-groups "$0"', {}),
    "fixed addresses": ('exec setarch -R "$0"', {}),
    "address space": ('ulimit -v 4000000; "$0"', {}),
    "stack": ('ulimit -s 65536; "$0"', {}),
    "stripped": ('cp "$0" ./stripped; strip ./stripped; ./stripped', {}),
    "elsewhere": ('mkdir -p "a directory/b"; cp "$0" "a directory/b/other"; "a directory/b/other"', {}),
}
"""By name: what a shell runs, and what is added to the environment."""

TELLING = '''\
"""Run a check, then tell what this process is like."""

import gc
import json
import locale
import os
import signal
import sys
import threading
import time
import warnings

from check_{slug} import main as check


def stream(file):
    return file and [file.encoding, file.errors, file.line_buffering, file.name, file.mode, file.isatty()]


def tell():
    hidden = {{"{switch}", "_"}}
    return {{
        "arguments": [sys.argv, sys.orig_argv],
        "environment": {{name: value for name, value in os.environ.items() if name not in hidden}},
        "directory": os.getcwd(),
        "user": [os.getuid(), os.getgid()],
        "streams": [stream(file) for file in (sys.stdin, sys.stdout, sys.stderr)],
        "locale": [locale.setlocale(locale.LC_ALL), locale.getencoding(), sys.getfilesystemencoding()],
        "time": [time.tzname, time.timezone, time.localtime(0)],
        "flags": str(sys.flags),
        "signals": [str(signal.getsignal(number)).partition(" at ")[0] for number in range(1, 32)],
        "threads": [thread.name for thread in threading.enumerate()],
        "paths": [sys.prefix, sys.exec_prefix, sys.executable, sys.path, __file__],
        "importers": [str(type(finder)) for finder in sys.meta_path],
        "warnings": [str(entry) for entry in warnings.filters],
        "collector": [gc.isenabled(), gc.get_threshold()],
        "limits": [sys.getrecursionlimit(), sys.getswitchinterval()],
        "files": {{name: str(getattr(module, "__file__", None)) for name, module in sys.modules.items()}},
    }}


def main():
    try:
        check()
    finally:
        print("{mark}" + json.dumps(tell(), sort_keys=True), flush=True)
'''

TABLES = """
[tool.setuptools]
py-modules = ["check_{slug}", "telling"]

[tool.oxidize]
snapshot = true
{settings}
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one package with a snapshot."""

    package: str
    fault: str | None = None
    """Why there is nothing to compare."""
    modules: int = 0
    """How many are in the snapshot."""
    whole: bool = False
    """Whether the check itself is among them: then all of its imports are done."""
    same: Sequence[str] = ()
    """Variants that gave the same with and without the snapshot."""
    unused: Sequence[str] = ()
    """Those of them in which the snapshot was not used."""
    differing: Mapping[str, str] = field(default_factory=dict)
    """Variants that did not, and in what."""

    @property
    def passed(self) -> bool:
        return self.fault is None and not self.differing and self.whole


@dataclass(frozen=True, slots=True)
class Ending:
    """What a process has left."""

    status: int | str
    output: str
    """Standard output and error, without addresses of objects."""
    told: Mapping[str, object]
    used: bool
    """Whether it started from its snapshot."""


def check_snapshot(package: Package, folder: Path, settings: str = "") -> Outcome:
    """Build *package* with a snapshot in *folder*, and compare all variants; *settings* are added."""
    try:
        executable = build(package, folder, partial(write_telling_project, settings=settings))
    except CompatError as error:
        return Outcome(package.name, str(error).replace(str(folder), ""))
    modules = preloaded(executable)
    same, unused, differing = [], [], {}
    for name in VARIANTS:
        without, within = (run_variant(executable, folder, name, switch) for switch in ("off", "explain"))
        if name == "plain" and (without.status != 0 or SUCCESS not in without.output.splitlines()):
            return Outcome(package.name, f"without the snapshot: {last_lines(without.output)}")
        difference = compare(without, within)
        if difference and varies_in_numbers(executable, folder, name, without):
            difference = compare(numberless(without), numberless(within))
        if difference:
            differing[name] = difference
        else:
            same.append(name)
            unused += [] if within.used else [name]
    return Outcome(
        package.name, None, len(modules), f"check_{package.slug}" in modules, same, unused, differing
    )


def write_telling_project(package: Package, project: Path, settings: str) -> None:
    """Write a project that runs the package's script, and tells of its process then."""
    rules = "".join(
        f'\n[[tool.oxidize.rules]]\nmodule = "{name}"\ninclude = false\n' for name in package.optional
    )
    write_project(package, project, "telling", TABLES.format(slug=package.slug, settings=settings + rules))
    telling = TELLING.format(slug=package.slug, switch=SWITCH, mark=MARK)
    (project / "telling.py").write_text(telling, encoding="utf-8")


def preloaded(executable: Path) -> Sequence[str]:
    """Return the modules in the snapshot."""
    from oxidize_build.verify import verify  # noqa: PLC0415 - what else is here needs no oxidize_build

    snapshot = verify(executable).image.snapshot
    return snapshot.modules if snapshot else ()


def run_variant(executable: Path, folder: Path, name: str, switch: str) -> Ending:
    """Run a variant in an empty directory, which has the same path each time."""
    script, more = VARIANTS[name]
    scratch, home = folder / "scratch", folder / "home"
    for directory in (scratch, home):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        directory.chmod(0o777)
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8"}
    log = folder / "variant.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-c", script, executable],
            cwd=scratch,
            env={**environment, **more, SWITCH: switch},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status: int | str = process.wait(SECONDS_TO_RUN)
        except subprocess.TimeoutExpired:
            status = "out of time"
        finally:
            end_session(process.pid)
            process.wait()
    return read_ending(status, log.read_text("utf-8", errors="replace"))


def varies_in_numbers(executable: Path, folder: Path, name: str, known: Ending) -> bool:
    """Whether runs without the snapshot write other numbers each time: times, ports, process IDs."""
    for _ in range(10):
        again = run_variant(executable, folder, name, "off")
        if again.output != known.output:
            return numberless(again).output == numberless(known).output
    return False


def numberless(ending: Ending) -> Ending:
    """Return an ending without the numbers that the process has written, hexadecimal ones among them."""
    return replace(ending, output=re.sub(r"\b[0-9a-f]{8,}|\d+(\.\d+)?", "0", ending.output))


def read_ending(status: int | str, text: str) -> Ending:
    """Take apart what a process has written."""
    told: Mapping[str, object] = {}
    kept, used = [], True
    for line in text.splitlines():
        if line.startswith(MARK):
            told = json.loads(line.removeprefix(MARK))
        elif NOT_USED in line:
            used = False
        else:
            kept.append(re.sub("0x[0-9a-f]{6,}", "0x", line))
    return Ending(status, "\n".join(kept), told, used)


def compare(without: Ending, within: Ending) -> str:
    """Return what differs; nothing if that is nothing."""
    if without.status != within.status:
        return f"status {within.status}, not {without.status}: {last_lines(within.output)}"
    if without.output != within.output:
        return f"{last_lines(within.output)}\n--- not\n{last_lines(without.output)}"
    for name in sorted({*without.told, *within.told}):
        first, second = without.told.get(name), within.told.get(name)
        if name == "files" and isinstance(first, dict) and isinstance(second, dict):
            both = first.keys() & second.keys()
            first, second = ({module: files[module] for module in both} for files in (first, second))
        if first != second:
            return f"{name}: {second}, not {first}"[:2000]
    return ""
