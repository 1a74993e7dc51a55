"""The account of a build: what each executable runs and is made of, and what that took."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from oxidize_build.analyze import executable_floor, python_version
from oxidize_build.contents import Compression, Part, read_contents
from oxidize_build.distributions import Floor
from oxidize_build.image.format import ModuleKind
from oxidize_build.policy import LeftOut, PolicyResult
from oxidize_build.progress import Stage, console, note
from oxidize_build.resources import ExtensionModule, NamespacePackage, Resource, SourceModule
from oxidize_build.settings.values import Command, EntryPoint, Module, Repl, Run, Script
from oxidize_build.verify import VerifyReport

LONGEST_COMMAND = 60
_MOST_NAMED = 12


@dataclass(frozen=True, slots=True)
class ExecutableSummary:
    """The account of one executable."""

    name: str
    """Of the file."""
    path: Path
    runs: str
    """``app:main``, ``python -m app`` ..."""
    python_version: str
    modules: int
    """All that can be imported from the image, extension modules included."""
    shared_libraries: int
    """Extension modules and the libraries that they need."""
    data_files: int
    left_out: tuple[LeftOut, ...]
    unlinked: tuple[str, ...]
    """Built-in modules that the interpreter is without, in order of name."""
    pruned: tuple[str, ...]
    """Names of the modules, and paths of the other files, that are left out by a profile: those of the
    packages that took most room first."""
    placement: Mapping[str, int]
    """Number of packed resources by where they are at run time."""
    size: int
    """Of the file, in bytes."""
    parts: Mapping[Part, int]
    """Size of each part, in bytes."""
    compression: Compression
    """What of the files is compressed."""
    program_size: int | None
    """Of the program when it runs, in bytes, if it is compressed."""
    stages: tuple[Stage, ...]
    """Those that were for this executable alone."""
    sha256: str
    floor: Floor
    """The C library that it needs."""


def summarise(
    report: VerifyReport, run: Run, decided: PolicyResult, stages: Iterable[Stage]
) -> ExecutableSummary:
    """Return the account of the executable of *report*, which was made of what the policy has *decided*.

    *stages* are those of the whole build.
    """
    contents = read_contents(report)
    name = report.path.name
    files = Counter(entry.part for entry in contents.entries)
    placement = Counter(
        str(resource.placement) for resource in decided.kept if not isinstance(resource, NamespacePackage)
    )
    importable = [module for module in report.image.modules if module.kind is not ModuleKind.NAMESPACE]
    with report.path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return ExecutableSummary(
        name=name,
        path=report.path,
        runs=describe(run),
        python_version=python_version(report.image),
        modules=len(importable),
        shared_libraries=files[Part.LIBRARIES],
        data_files=files[Part.DATA],
        left_out=decided.left_out,
        unlinked=tuple(sorted(decided.unlinked)),
        pruned=_names(decided.pruned),
        placement=dict(placement),
        size=report.size,
        parts=contents.parts(),
        compression=contents.compression(),
        program_size=contents.program_size,
        stages=_own(stages, name),
        sha256=sha256,
        floor=executable_floor(report),
    )


def _names(pruned: Iterable[Resource]) -> tuple[str, ...]:
    sizes: Counter[str] = Counter()
    names: set[str] = set()
    for resource in pruned:
        if not isinstance(resource, NamespacePackage):
            name = str(resource.path)
            if isinstance(resource, SourceModule | ExtensionModule):
                name = resource.name
            sizes[_top(name)] += resource.content.size
            names.add(name)
    return tuple(sorted(names, key=lambda name: (-sizes[_top(name)], _top(name), name)))


def _top(name: str) -> str:
    return name if "/" in name else name.partition(".")[0]


def _own(stages: Iterable[Stage], name: str) -> tuple[Stage, ...]:
    prefix = f"{name}: "
    return tuple(
        Stage(stage.title.removeprefix(prefix), stage.seconds)
        for stage in stages
        if stage.title.startswith(prefix)
    )


def describe(run: Run) -> str:
    """Return what an executable runs as a person would say it."""
    match run:
        case EntryPoint(module, attribute):
            return f"{module}:{attribute}"
        case Module(name):
            return f"python -m {name}"
        case Command(code):
            line = " ".join(code.split())
            return f"python -c {line if len(line) <= LONGEST_COMMAND else line[:LONGEST_COMMAND] + '...'}"
        case Script(path):
            return f"python {path.name}"
        case Repl():
            return "python"


def tell(summary: ExecutableSummary) -> None:
    """Print *summary* to standard error: as a table on a terminal, as plain lines elsewhere."""
    lines = list(_lines(summary))
    if not console.is_terminal:
        for name, text in lines:
            note(f"{summary.name}: {name}: {text}")
        return
    table = Table(title=Text(summary.name), title_justify="left", show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, text in lines:
        table.add_row(name, Text(text))  # no markup: an executable may run print([1])
    console.print(table, soft_wrap=False)


def _lines(summary: ExecutableSummary) -> Iterable[tuple[str, str]]:
    yield "runs", f"{summary.runs} (Python {summary.python_version})"
    counts = (
        f"{summary.modules} modules",
        f"{summary.shared_libraries} shared libraries",
        f"{summary.data_files} data files",
    )
    yield "packed", ", ".join(counts)
    elsewhere = {place: count for place, count in summary.placement.items() if place != "memory"}
    if elsewhere:
        yield "placement", ", ".join(f"{place}: {count}" for place, count in summary.placement.items())
    if summary.left_out:
        yield "left out", "; ".join(map(str, summary.left_out))
    if summary.pruned:
        tops = list(dict.fromkeys(name.partition(".")[0] for name in summary.pruned if "/" not in name))
        named = ", ".join(tops[:_MOST_NAMED])
        more = f" and {len(tops) - _MOST_NAMED} more" if len(tops) > _MOST_NAMED else ""
        yield "pruned", f"{named}{more}, wholly or in part"
    if summary.unlinked:
        yield "not linked", ", ".join(summary.unlinked)
    sizes = (f"{part} {size / 1e6:.1f}" for part, size in summary.parts.items())
    yield "size", f"{summary.size / 1e6:.1f} MB ({', '.join(sizes)})"
    if summary.compression.files:
        yield "compressed", str(summary.compression)
    if summary.program_size is not None:
        packed = summary.parts[Part.STUB]
        yield "compressed program", f"{summary.program_size / 1e6:.1f} MB to {packed / 1e6:.1f}"
    yield "time", ", ".join(f"{stage.title} {stage.seconds:.1f} s" for stage in summary.stages)
    yield "needs", str(summary.floor)
    yield "sha256", summary.sha256
