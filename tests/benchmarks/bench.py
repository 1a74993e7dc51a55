"""Executables of oxidize against those of other tools and against plain Python, in one run.

    make bench [BENCH_ARGUMENTS="..."]

Start-up, build times, size, memory and instructions of the same applications. What has to be built is
kept in the work folder, so that a run which was interrupted, or is repeated, goes on with what there is.
Programs are started in turn, A B C A B C, and ratios are taken round by round: how many times as long a
program takes as oxidize's with the same interpreter.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from suite import freezers, interpreters, machine, report, results
from suite.applications import APPLICATIONS, Application, importing
from suite.baselines import baselines
from suite.building import REPOSITORY, Builder
from suite.interpreters import Interpreter
from suite.measuring import Launcher, MeasurementError, count_instructions, interleaved, is_busy
from suite.results import Built, Measured, Results
from suite.tools import Tool, environments, oxidizes, start_environment
from suite.tools import freezers as freezing_tools

DOCS = REPOSITORY / "docs"
COUNTED = ("hello", "stdlib")
"""Applications whose instructions are counted unless others are named: with others it takes minutes."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, and how."""

    work: Path
    interpreters: tuple[Interpreter, ...]
    applications: tuple[Application, ...]
    only: tuple[str, ...]
    slow: bool
    rounds: int
    counted: tuple[str, ...]

    def wants(self, label: str) -> bool:
        """Whether a subject of that *label* is measured."""
        return not self.only or any(fnmatchcase(label, pattern) for pattern in self.only)

    def tools(self, application: Application) -> list[Tool]:
        """Return the tools that make something of *application*."""
        ours = [tool for interpreter in self.interpreters for tool in oxidizes(interpreter)]
        if application.measures_build:
            return [tool for tool in ours if self.wants(tool.label)]
        others = [*environments(self.interpreters), *freezing_tools(self.interpreters[0])]
        return [
            tool
            for tool in [*ours, *others]
            if self.wants(tool.label) and (self.slow or application.name not in tool.slow_with)
        ]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is started of an application, under its label."""

    label: str
    interpreter: str
    built: Built


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def build_subjects(application: Application, plan: Plan, builder: Builder) -> list[Subject]:
    """Return what is measured of *application*; a tool that fails with it is told of and left out."""
    folder = plan.work / "baselines"
    folder.mkdir(exist_ok=True)
    subjects = []
    for tool in plan.tools(application):
        say(f"{application.name}: build: {tool.label}")
        try:
            place = Path()
            if tool.needs_freezers:
                place = freezers.for_application(plan.work, application, tool.interpreter)
            built = builder.build(tool, application, place)
            builder.launcher.run(built.command)  # some tools do not find all that a program imports
        except (MeasurementError, subprocess.CalledProcessError) as error:
            say(f"{application.name}: {tool.label}: LEFT OUT: {error}")
            continue
        subjects.append(Subject(tool.label, tool.interpreter.kind, built))
    compared = baselines(application, plan.interpreters, folder)
    return subjects + [Subject(b.label, b.interpreter, b.built) for b in compared if plan.wants(b.label)]


def measure(application: Application, plan: Plan, builder: Builder) -> list[Measured]:
    """Build and measure one application."""
    subjects = build_subjects(application, plan, builder)
    commands = {subject.label: subject.built.command for subject in subjects}
    say(f"{application.name}: {plan.rounds} rounds of {len(commands)} programs")
    runs = interleaved(builder.launcher, commands, plan.rounds)
    counts = {}
    if application.name in plan.counted:
        say(f"{application.name}: count instructions")
        counts = {label: count_instructions(command) for label, command in commands.items()}
    return [
        Measured(
            application=application.name,
            label=subject.label,
            interpreter=subject.interpreter,
            seconds=tuple(run.seconds for run in runs[subject.label]),
            memory=tuple(run.memory for run in runs[subject.label]),
            instructions=counts.get(subject.label),
            size=subject.built.size,
            cold=subject.built.cold,
            warm=subject.built.warm,
            build_memory=subject.built.build_memory,
        )
        for subject in subjects
    ]


def run(plan: Plan) -> Results:
    """Carry out the *plan*."""
    plan.work.mkdir(parents=True, exist_ok=True)
    os.environ.update(start_environment(plan.work / "unpacked"))
    pins = freezers.requirements(freezers.GROUP)
    builder = Builder(plan.work, Launcher.compile(plan.work), repr(pins))
    before, busy = os.getloadavg()[0], is_busy()
    if busy:
        say(f"THE MACHINE IS BUSY: load {before:.1f}; times will mean little")
    pythons = [interpreter.python for interpreter in plan.interpreters]
    measured: list[Measured] = []
    for application in plan.applications:
        complete = application if application.code else importing(application, pythons)
        measured += measure(complete, plan, builder)
    used = {subject.label.partition(" ")[0].lower() for subject in measured}
    versions = dict(pin.split("==") for pin in pins)
    return Results(
        machine=machine.describe(),
        interpreters={interpreter.kind: interpreter.description for interpreter in plan.interpreters},
        tools={name: version for name, version in versions.items() if name.lower() in used},
        rounds=plan.rounds,
        load=(before, os.getloadavg()[0]),
        busy=busy,
        subjects=tuple(measured),
    )


def publish(found: Results, directory: Path, plan: Plan) -> None:
    """Write the tables into the documentation, and beside it the figures and the plot."""
    figures = directory / "benchmarks"
    figures.mkdir(exist_ok=True)
    results.write(found, figures / "results.json")
    draw(figures / "results.json", figures, plan)
    report.insert(directory / "comparison.md", found)


def draw(figures: Path, directory: Path, plan: Plan) -> None:
    """Draw the *figures* into *directory* with matplotlib, from an environment of its own."""
    needed = freezers.requirements(freezers.PLOT_GROUP)
    bin_ = freezers.obtain(plan.work, "plot", plan.interpreters[0], needed)
    plot = Path(__file__).with_name("suite") / "plot.py"
    subprocess.run([bin_ / "python", plot, figures, directory], check=True)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    known = [application.name for application in APPLICATIONS]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", type=Path, default=Path(sys._base_executable), help="of the host")  # type: ignore[attr-defined]  # private
    parser.add_argument(
        "--runtime", type=Path, help="another one: an archive of `oxidize runtime build`, or its content"
    )
    parser.add_argument(
        "--applications", metavar="NAME", nargs="+", choices=known, default=known, help=" ".join(known)
    )
    parser.add_argument("--only", metavar="PATTERN", nargs="+", default=[], help="labels of what is measured")
    parser.add_argument(
        "--slow", action="store_true", help="also what takes many minutes to build: Nuitka beyond hello"
    )
    parser.add_argument("--runs", type=int, default=20, help="rounds")
    parser.add_argument(
        "--instructions", metavar="NAME", nargs="*", default=COUNTED, help="count those of these"
    )
    parser.add_argument("--work", type=Path, default=REPOSITORY / "build" / "benchmarks")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--plot", type=Path, help="draw into that directory")
    parser.add_argument("--publish", action="store_true", help="write all into docs/")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    work = options.work.absolute()
    pythons = [interpreters.host(options.python)]
    if options.runtime:
        pythons.append(interpreters.own(options.runtime.absolute(), work / "runtimes"))
    plan = Plan(
        work=work,
        interpreters=tuple(pythons),
        applications=tuple(a for a in APPLICATIONS if a.name in options.applications),
        only=tuple(options.only),
        slow=options.slow,
        rounds=options.runs,
        counted=tuple(options.instructions),
    )
    found = run(plan)
    print(report.plain(found))
    latest = work / "results.json"
    results.write(found, latest)
    if options.json:
        results.write(found, options.json)
    if options.plot:
        options.plot.mkdir(parents=True, exist_ok=True)
        draw(latest, options.plot, plan)
    if options.publish:
        publish(found, DOCS, plan)


if __name__ == "__main__":
    main()
