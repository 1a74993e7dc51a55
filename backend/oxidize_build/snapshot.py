"""Take a snapshot: the state of a process after its imports, for every later one to start from."""

from __future__ import annotations

import ast
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from oxidize_build.errors import SnapshotError
from oxidize_build.image.format import INTERPRETER_MARK, Option
from oxidize_build.image.reader import Image
from oxidize_build.image.writer import OptionValue
from oxidize_build.profile.model import Profile
from oxidize_build.program import OWN, Program
from oxidize_build.progress import note
from oxidize_build.resources import Content, Resource, SourceModule
from oxidize_build.runtime import Runtime
from oxidize_build.settings import Executable, Module, Repl
from oxidize_build.settings.suggestions import listed

MODULE = "_oxidize_snapshot"
"""Name of the packed module that does Python's part."""

_IMPORTS = "imports "
_NEUTRAL_FIELDS = frozenset(
    {"buffered-stdio", "bytes-warning", "optimization-level", "quiet", "stdio-encoding", "stdio-errors"}
)
"""How an interpreter may be configured, as it is saved with all else. Others are read in each process."""
_VERSIONS = (0x030C0000, 0x030F0000)
_LEFT_OUT = (0x030E0000, 0x030E0100)
"""3.14.0 cannot be told where its stack is."""
_SHOWN_LINES = 20
_COMMON_PATHS = ("/", "/tmp", "/var/tmp", "/usr/tmp")  # noqa: S108 - the standard library names them
_SHORTEST_TEXT = 4
"""Shorter ones are anywhere."""
_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "PATH": os.defpath,
    # libc's own memory is then at no low address, for which a number in the snapshot could be taken
    "MALLOC_MMAP_THRESHOLD_": "1",
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a process can start from."""

    content: bytes
    """As the image holds it."""
    preloaded: tuple[str, ...]
    """Modules whose import is done, in order."""
    left: Mapping[str, str]
    """Modules that every process imports itself, and why."""
    seconds: float
    """How long the imports took, with what is called after them: what a start does without a snapshot."""


def check_possible(executable: Executable, runtime: Runtime) -> None:
    """Raise SnapshotError if *executable* is to have a snapshot and cannot, whatever its modules do."""
    if not executable.snapshot:
        return
    settings = sorted({*executable.interpreter.values} - _NEUTRAL_FIELDS)
    if executable.interpreter.allocators:
        settings.append("allocators")
    version = runtime.version
    faults = {
        f"Python {version}: snapshots are made for 3.12, 3.13 and 3.14 from 3.14.1": (
            not _VERSIONS[0] <= runtime.hexversion < _VERSIONS[1]
            or _LEFT_OUT[0] <= runtime.hexversion < _LEFT_OUT[1]
        ),
        f"Python {version} is free-threaded": runtime.free_threaded,
        f"its runtime is for {runtime.platform}": runtime.platform != "linux-x86_64",
        "its imports are lazy": executable.lazy_imports is not False,
        "it is a REPL": isinstance(executable.run, Repl),
        f"its interpreter is configured: {', '.join(settings)}": bool(settings),
    }
    lines = "".join(f"\n  - {fault}" for fault, found in faults.items() if found)
    if lines:
        raise SnapshotError(
            f"executable {executable.name} cannot have a snapshot:{lines}", hint="leave out snapshot = true"
        )


def check_placement(executable: Executable, options: Iterable[OptionValue]) -> None:
    """Raise SnapshotError if files of *executable* are placed elsewhere: *options* tell."""
    elsewhere = {Option.INSTALL_TREE, Option.EXTRACTION}
    if executable.snapshot and any(option.key in elsewhere for option in options):
        raise SnapshotError(
            f"executable {executable.name} cannot have a snapshot: files of it are beside it or are unpacked",
            hint="leave out snapshot = true, or rules with placement",
        )


def snapshot_files(runtime: Runtime) -> list[SourceModule]:
    """Return what is packed in an executable that has a snapshot."""
    path = PurePosixPath(runtime.module_roots[-1], MODULE).with_suffix(".py")
    content = Content(Path(__file__).with_name("_snapshot.py"))
    return [SourceModule(MODULE, is_package=False, path=path, content=content, origin=OWN)]


def default_preload(
    program: Program,
    executable: Executable,
    resources: Iterable[Resource],
    profile: Profile | None = None,
) -> list[str]:
    """Return what the main module of *program* imports; one that is no own is among *resources*.

    What runs of the program have imported, as its *profile* says, is part of it.
    """
    main = program.main
    if main is None and isinstance(executable.run, Module):
        names = (f"{executable.run.name}.__main__", executable.run.name)
        found = {r.name: r for r in resources if isinstance(r, SourceModule) and r.name in names}
        main = next((found[name] for name in names if name in found), None)
    package = main.name.rpartition(".")[0] if main else ""
    preload = [*([package] if package else []), *(_imports(main.content.read(), package) if main else [])]
    if isinstance(executable.run, Module):
        preload.append("runpy")  # which runs it
    seen = profile.modules if profile else ()
    return [*preload, *(module.name for module in seen if not module.child and module.name != "__main__")]


def _imports(source: bytes, package: str) -> list[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level <= 1:
            names.append(".".join(filter(None, (package if node.level else "", node.module))))
    return [name for name in names if name]


def known_modules(image: Image, runtime: Runtime) -> set[str]:
    """Return the names of all modules that can be imported in an executable with *image*."""
    return {module.name for module in image.modules} | runtime.builtin_modules | runtime.frozen_modules


def tell_of(snapshot: Snapshot, file_name: str) -> None:
    """Say what is in the *snapshot* of the executable *file_name*, and what is not, and why."""
    size, took = f"{len(snapshot.content) / 1e6:.1f} MB", f"{snapshot.seconds * 1000:.0f} ms"
    count = len(snapshot.preloaded)
    note(f"{file_name}: snapshot: {count} modules are imported beforehand, which took {took}; {size}")
    causes: dict[str, list[str]] = {}
    for module, why in snapshot.left.items():
        if not why.startswith(_IMPORTS):
            causes.setdefault(why, []).append(module)
    for why, modules in causes.items():
        note(f"{file_name}: snapshot: left to the run: {listed(modules)}: {why}")
    importers = [module for module, why in snapshot.left.items() if why.startswith(_IMPORTS)]
    if importers:
        note(f"{file_name}: snapshot: left to the run with these: {listed(importers)}")


def take_snapshot(
    stage: Path, executable: Executable, preload: Sequence[str], modules: Iterable[str]
) -> Snapshot:
    """Let the executable *stage*, which makes snapshots and nothing else, make one.

    The modules *preload* are imported with all that they import, as far as that can be done beforehand.
    *modules* are all that are there to be imported.

    Raises SnapshotError, naming what prevents it.
    """
    with tempfile.TemporaryDirectory(prefix="oxidize-") as name:
        folder = Path(name)
        modules = list(modules)
        survey = _survey(stage, folder, executable, executable.preload or preload, modules)
        try:
            return _make(stage, folder, executable, survey)
        except SnapshotError:
            # A module may need what one has done that was then left, half imported
            known, survey = survey, _survey(stage, folder, executable, survey.imported, modules, survey.left)
            if survey.imported == known.imported:
                raise
            return _make(stage, folder, executable, survey)


def root(left: Mapping[str, str], module: str) -> str:
    """Return the module that *module* is *left* for."""
    seen = {module}
    while left.get(module, "").startswith(_IMPORTS):
        module = left[module].removeprefix(_IMPORTS)
        if module in seen:
            break
        seen.add(module)
    return module


def reason(left: Mapping[str, str], module: str) -> str:
    """Say why *module* is *left*."""
    cause = root(left, module)
    why = left.get(cause, "cannot be imported")
    return why if cause == module else f"imports {cause}, which {why}"


@dataclass(frozen=True, slots=True)
class _Survey:
    imported: tuple[str, ...]
    left: Mapping[str, str]
    variables: Mapping[str, str]
    """Environment variables that modules ask for when they are imported, and the module."""


def _survey(
    stage: Path,
    folder: Path,
    executable: Executable,
    preload: Sequence[str],
    modules: Iterable[str],
    left: Mapping[str, str] | None = None,
) -> _Survey:
    """Find out what importing *preload* does, where the modules that are *left* cannot be imported.

    Raises SnapshotError if one of those that the settings name is left.
    """
    plan, report = folder / "survey.txt", folder / "report.txt"
    allowed = [f"allow {module}\n" for module in executable.allow]
    prepare = [f"prepare {executable.prepare}\n"] if executable.prepare else []
    packed = [f"packed {module}\n" for module in modules]
    told = [f"left {module} {why}\n" for module, why in (left or {}).items()]
    lines = [*(f"import {module}\n" for module in preload), *allowed, *prepare, *packed, *told]
    plan.write_text("".join(lines), "utf-8")
    driver = Path(__file__).with_name("_snapshot_survey.py").read_text("utf-8")
    interpreter = f"{stage.resolve().parent}{INTERPRETER_MARK}{stage.name}"
    _run([interpreter, "-c", driver, plan, report], folder, executable)
    found = ast.literal_eval(report.read_text("ascii"))
    survey = _Survey(tuple(found["imported"]), found["left"], found["variables"])
    _check_wanted(executable, survey.left)
    return survey


def _check_wanted(executable: Executable, left: Mapping[str, str]) -> None:
    wanted = {*executable.preload, (executable.prepare or "").partition(":")[0]}
    reasons = {module: reason(left, module) for module in left if module in wanted}
    if reasons:
        raise SnapshotError(
            f"executable {executable.name}: what is to be preloaded cannot be imported beforehand:"
            + "".join(f"\n  - {module} {why}" for module, why in reasons.items()),
            hint="take it out of preload, or accept with allow that a module looks at the machine",
        )


def _make(stage: Path, folder: Path, executable: Executable, survey: _Survey) -> Snapshot:
    plan, foreign, output = folder / "plan.txt", folder / "foreign.txt", folder / "snapshot"
    steps = {"import": survey.imported, "left": survey.left, "variable": survey.variables}
    lines = [f"{kind} {name}\n" for kind, names in steps.items() for name in names]
    foreign.write_text("".join(f"{text}\n" for text in _foreign_texts(folder)), "utf-8")
    if executable.prepare:
        lines.append(f"prepare {executable.prepare}\n")
    plan.write_text("".join(lines), "utf-8")
    _run([stage, output, plan, foreign], folder, executable)
    seconds = int(plan.with_name(f"{plan.name}.time").read_bytes()) / 1e9
    return Snapshot(output.read_bytes(), survey.imported, survey.left, seconds)


def _foreign_texts(folder: Path) -> list[str]:
    """Return what would tell of this machine, or be wrong on any other."""
    paths = {Path.home(), Path.cwd(), Path(tempfile.gettempdir()), folder}
    texts = {f"{path}/" for path in paths if str(path) not in _COMMON_PATHS}
    return sorted(text for text in {*texts, socket.gethostname()} if len(text) > _SHORTEST_TEXT)


def _run(command: Sequence[str | Path], folder: Path, executable: Executable) -> None:
    """Run a step of the build where there is as little as possible of this machine to be seen."""
    work = folder / "work"
    work.mkdir(exist_ok=True)
    done = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=work,
        env=_ENVIRONMENT,
    )
    if done.returncode:
        lines = [line for line in done.stdout.decode(errors="replace").splitlines() if line.strip()]
        shown = "".join(f"\n  {line}" for line in lines[-_SHOWN_LINES:])
        raise SnapshotError(
            f"executable {executable.name}: no snapshot can be made (status {done.returncode}):{shown}",
            hint="preload fewer modules, or leave out snapshot = true",
        )
