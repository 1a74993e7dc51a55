"""Build CPython from source into the archive of a runtime: one step after the other."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from oxidize_build.link import stub_key
from oxidize_build.progress import stage
from oxidize_build.runtime.build import assembly, cpython
from oxidize_build.runtime.build.adapting import adapt
from oxidize_build.runtime.build.installing import neutralise
from oxidize_build.runtime.build.libraries import library_steps
from oxidize_build.runtime.build.packing import write_archive
from oxidize_build.runtime.build.plan import Plan, Workshop, new_directory
from oxidize_build.runtime.build.sources import Component, Sources, unpack_tree
from oxidize_build.runtime.build.startup import record_start
from oxidize_build.runtime.build.steps import Step, Tools, run_steps
from oxidize_build.runtime.build.training import NO_PROFILE, TESTS_FAILED, start_commands, test_command
from oxidize_build.staging import deliver, staging
from oxidize_build.unpacker import unpacker_key

ARCHIVE_SUFFIX = ".tar.zst"


@dataclass(frozen=True, slots=True)
class Build:
    """A runtime that is to be built, of what, and where."""

    plan: Plan
    component: Component
    """CPython's source."""
    source_archive: Path | None
    """Its archive, if the user gives it; None for where *sources* has it."""
    sources: Sources
    workshop: Workshop
    keep_workshop: bool
    """Whether the workshop stays when the archive is written; after a failure it always does."""
    archive: Path
    """What is to be written."""


def build_runtime(build: Build) -> Path:
    """Build the archive of a runtime and return its path. An interrupted build is gone on with.

    Raises RuntimeBuildError when a step fails, and OutputError when the archive cannot be written.
    """
    # CPython writes down where packages of the user would be
    environment = {**build.plan.toolchain.environment(), "HOME": "/"}
    run_steps(list(_steps(build)), build.workshop.root, environment)
    with stage(f"Write {build.archive.name}"), staging(build.archive.parent) as directory:
        packed = directory / build.archive.name
        write_archive(build.workshop.tree, packed, build.plan.jobs)
        deliver([packed], build.archive.parent)
    if not build.keep_workshop:
        shutil.rmtree(build.workshop.root, ignore_errors=True)
    return build.archive


def _steps(build: Build) -> Iterator[Step]:
    plan, title = build.plan, f"CPython {build.plan.version}"
    staged = plan.pgo or plan.lto

    def step(name: str, text: str, action: Callable[[Build, Tools], None]) -> Step:
        return Step(name, text, partial(action, build))

    yield step("unpack", f"Unpack {title}", _unpack)
    yield from library_steps(plan.toolchain, build.workshop.libraries, build.sources, jobs=plan.jobs)
    yield step("configure", f"Configure {title}", _configure)
    if staged:
        instrumented = "an instrumented one" if plan.pgo else "one that helps to build the other"
        yield step("first-stage", f"Compile {title}: {instrumented}", _make_first_stage)
    if plan.pgo:
        yield step("train", "Train it", _train)
        yield step("start", "See what a start executes", _record_start)
    yield step("compile", f"Compile {title}", _compile)
    yield step("install", f"Install {title}", _install)
    # another name than where older versions of oxidize have not put the code of a start together
    yield step("assemble-gathered" if plan.pgo else "assemble", "Assemble the runtime", _assemble)
    # oxidize may have changed since an earlier run
    yield step(f"stub-{stub_key()[:8]}-{unpacker_key()[:8]}", "Link the stub", _link_stub)


def _unpack(build: Build, tools: Tools) -> None:
    source = build.workshop.source
    shutil.rmtree(source, ignore_errors=True)
    unpack_tree(build.source_archive or build.sources.archive(build.component), source)
    changed = [path.relative_to(source).as_posix() for path in adapt(source)]
    tools.log.write_text(f"changed: {', '.join(changed) or 'nothing'}\n", encoding="utf-8")


def _configure(build: Build, tools: Tools) -> None:
    tree = new_directory(build.workshop.build)
    tools.run(cpython.configure_command(build.plan), cwd=tree)


def _make_first_stage(build: Build, tools: Tools) -> None:
    plan, tree = build.plan, build.workshop.first_stage
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(build.workshop.build, tree, symlinks=True)
    command = cpython.make_command(plan, cpython.first_stage_flags(plan), "python", "pybuilddir.txt")
    tools.run(command, cwd=tree, environment=NO_PROFILE)


def _train(build: Build, tools: Tools) -> None:
    profile = new_directory(build.workshop.profile)
    tree = build.workshop.first_stage
    python = tree / "python"
    # each process adds to one of a few files
    record = {"LLVM_PROFILE_FILE": str(profile / "%4m.profraw")}
    tools.run(test_command(python), cwd=tree, environment=record, accepted=(0, TESTS_FAILED))
    for command in start_commands(python):
        tools.run(command, cwd=tree, environment=record)
    recorded = sorted(profile.glob("*.profraw"))
    merge = build.plan.toolchain.profdata or "llvm-profdata"
    tools.run([merge, "merge", "-o", cpython.PROFILE_NAME, *recorded], cwd=profile)


def _record_start(build: Build, tools: Tools) -> None:
    record_start(build.plan, build.workshop, tools)


def _compile(build: Build, tools: Tools) -> None:
    plan, tree = build.plan, build.workshop.build
    new_directory(build.workshop.native_objects)
    tools.run(
        cpython.final_make_command(plan, "python", "platform", cpython.OBJECT_LIST),
        cwd=tree,
        environment=NO_PROFILE,
    )


def _install(build: Build, tools: Tools) -> None:
    plan, tree = build.plan, build.workshop.build
    installed = new_directory(build.workshop.tree) / "install"
    destination = f"DESTDIR={installed.parent}"
    tools.run(cpython.final_make_command(plan, "install", destination), cwd=tree, environment=NO_PROFILE)
    tools.run([plan.toolchain.strip, installed / "bin" / plan.program], cwd=tree)
    neutralise(installed, plan, build.workshop)


def _assemble(build: Build, tools: Tools) -> None:
    assembly.assemble(build.plan, build.component, build.workshop, tools)


def _link_stub(build: Build, _tools: Tools) -> None:
    assembly.link_stub(build.plan, build.workshop)
