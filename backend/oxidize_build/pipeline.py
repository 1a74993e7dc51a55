"""The build: from a project's wheel to its executables, one stage after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from oxidize_build.bytecode import compile_sources
from oxidize_build.cache import Cache
from oxidize_build.collect import collect
from oxidize_build.errors import SettingsError
from oxidize_build.host_files import host_files
from oxidize_build.image.format import Option
from oxidize_build.image.writer import OptionValue, write_image
from oxidize_build.libraries import link_libraries
from oxidize_build.link import make_stub
from oxidize_build.objfile.elf import IMAGE_ADDRESS, attach
from oxidize_build.objfile.elf_program import program_digest
from oxidize_build.policy import apply_policy
from oxidize_build.program import add_own_files, make_program
from oxidize_build.progress import note, stage
from oxidize_build.resources import DataFile, Resource, SourceModule
from oxidize_build.runtime import Runtime
from oxidize_build.runtime.host import host_runtime
from oxidize_build.settings import Executable, Settings
from oxidize_build.settings.reader import add_entry_points
from oxidize_build.staging import deliver, staging
from oxidize_build.verify import VerifyReport, verify
from oxidize_build.wheels import entry_points, resolve, unpack


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all executables of one build share."""

    runtime: Runtime
    cache: Cache
    stub: Path


def build_executables(
    settings: Settings, wheel: Path, names: Sequence[str] | None, output: Path
) -> list[Path]:
    """Build executables of the project whose wheel is *wheel* and return their paths in *output*.

    *names* picks executables; None means all that the settings and the wheel's entry points define.
    Raises an OxidizeError of the failing stage; *output* is then as it was.
    """
    settings = add_entry_points(settings, entry_points(wheel))
    chosen = _choose(settings.executables, names)
    cache = Cache.default()
    with staging(output) as directory:
        with stage("Find the Python runtime"):
            runtime = host_runtime()
        with stage(f"Make the stub for Python {runtime.version}"):
            workshop = Workshop(runtime, cache, make_stub(runtime, cache))
        with stage("Resolve dependencies"):
            sets = dict.fromkeys(executable.extras for executable in chosen)
            wheels = {extras: resolve(wheel, extras, runtime, cache) for extras in sets}
        reports = [
            _build(executable, wheels[executable.extras], workshop, directory) for executable in chosen
        ]
        results = deliver([report.path for report in reports], output)
    for report in reports:
        _tell(report)
    return results


def _choose(executables: Sequence[Executable], names: Sequence[str] | None) -> list[Executable]:
    by_name = {executable.name: executable for executable in executables}
    if not by_name:
        raise SettingsError(
            "the project defines nothing to run",
            hint="add [project.scripts], or a table [tool.oxidize.executables.NAME]",
        )
    for name in names or ():
        if name not in by_name:
            near = get_close_matches(name, by_name, n=1)
            known = ", ".join(sorted(by_name))
            raise SettingsError(
                f"there is no executable {name!r}; the project defines {known}",
                hint=f"did you mean {near[0]}?" if near else None,
            )
    return list(executables) if names is None else [by_name[name] for name in dict.fromkeys(names)]


def _build(
    executable: Executable, wheels: Sequence[Path], workshop: Workshop, directory: Path
) -> VerifyReport:
    runtime, cache = workshop.runtime, workshop.cache
    with stage(f"{executable.name}: collect files"):
        unpacked = [unpack(wheel, cache) for wheel in wheels]
        kept = apply_policy(collect(unpacked, runtime)).kept
    return pack(executable, kept, workshop, directory)


def pack(
    executable: Executable, kept: Sequence[Resource], workshop: Workshop, directory: Path
) -> VerifyReport:
    """Make *executable* of the resources that the policy *kept*, as a file in *directory*, and check it.

    Raises an OxidizeError of the failing stage.
    """
    runtime, cache = workshop.runtime, workshop.cache
    with stage(f"{executable.name}: compile bytecode"):
        program = make_program(executable, kept, runtime)
        host = host_files(kept, runtime)
        resources: list[Resource] = [*leave_frozen_out(kept, runtime), *host.files]
        resources = compile_sources(add_own_files(program, resources), runtime, cache)
    with stage(f"{executable.name}: find shared libraries"):
        resources = link_libraries(resources, runtime)
    with stage(f"{executable.name}: write the executable"):
        options = (*program.options, *host.options)
        return _assemble(executable, resources, options, workshop, directory)


def leave_frozen_out(resources: Sequence[Resource], runtime: Runtime) -> list[Resource]:
    """Turn the modules that the interpreter has frozen into data files.

    The interpreter's own importer is quicker with them; their source is for tracebacks.
    ``zipimport`` stays a module, since the stub takes its place in the interpreter.
    """
    frozen = runtime.frozen_modules - {"zipimport"}
    return [
        DataFile(resource.path, resource.content, resource.origin)
        if isinstance(resource, SourceModule) and resource.name in frozen
        else resource
        for resource in resources
    ]


def _assemble(
    executable: Executable,
    resources: Sequence[Resource],
    options: Sequence[OptionValue],
    workshop: Workshop,
    directory: Path,
) -> VerifyReport:
    runtime = workshop.runtime
    paths = [OptionValue(Option.SEARCH_PATH, str(root)) for root in runtime.module_roots]
    stdlib = OptionValue(Option.STDLIB_DIRECTORY, str(runtime.stdlib_path))
    digest = OptionValue(Option.PROGRAM_DIGEST, program_digest(workshop.stub, IMAGE_ADDRESS))
    image = directory / f".{executable.name}.image"
    write_image(
        image,
        resources,
        [*options, stdlib, *paths, digest],
        hexversion=runtime.hexversion,
        cache_tag=runtime.cache_tag,
    )
    finished = directory / executable.name
    attach(workshop.stub, image, finished)
    image.unlink()
    return verify(finished)


def _tell(report: VerifyReport) -> None:
    modules, files = len(report.image.modules), len(report.image.files)
    note(f"{report.path.name}: {report.size / 1e6:.1f} MB, {modules} modules, {files} files")
