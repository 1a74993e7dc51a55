"""The build: from a project's wheel to its executables, one stage after the other."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from packaging.utils import parse_wheel_filename

from oxidize_build.adaptation import adapt
from oxidize_build.beside import TREE_SUFFIX, companions
from oxidize_build.bytecode import compile_source, compile_sources
from oxidize_build.cache import Cache
from oxidize_build.collect import collect
from oxidize_build.compression import Compressed, compress, wants_compression
from oxidize_build.host_files import host_files
from oxidize_build.image.format import Option
from oxidize_build.image.writer import OptionValue, write_image
from oxidize_build.interpreter_config import bytecode_level, interpreter_options
from oxidize_build.lazy.targets import lazy_options, lazy_targets
from oxidize_build.libraries import link_libraries
from oxidize_build.licenses.documents import Contents, project_first
from oxidize_build.link import make_stub
from oxidize_build.objfile.elf import IMAGE_ADDRESS, attach
from oxidize_build.objfile.elf_program import program_digest
from oxidize_build.placement import Placed, place, write_tree
from oxidize_build.policy import Policy, apply_policy, treat_main
from oxidize_build.preparation import Preparation
from oxidize_build.profile.use import PLAIN, Layout, profile_use, tracing, unpack_ahead, use_order
from oxidize_build.program import Program, add_own_files, make_program
from oxidize_build.progress import Stage, note, recorded, stage
from oxidize_build.resources import DataFile, Resource, SourceModule
from oxidize_build.runtime import Runtime
from oxidize_build.runtime.find import find_runtime
from oxidize_build.self_test import self_test_files
from oxidize_build.settings import (
    Build,
    Executable,
    Settings,
    Target,
    add_entry_points,
    select,
)
from oxidize_build.snapshot import (
    check_placement,
    check_possible,
    default_preload,
    known_modules,
    snapshot_files,
    take_snapshot,
    tell_of,
)
from oxidize_build.sources import Sources, obtain_files, obtain_wheels
from oxidize_build.staging import deliver, staging
from oxidize_build.summary import ExecutableSummary, summarise, tell
from oxidize_build.target import check_glibc, check_loadable
from oxidize_build.unpacked_wheel import UnpackedWheel, entry_points, unpack
from oxidize_build.unpacker import packed_stub
from oxidize_build.verify import VerifyReport, verify


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all executables for one runtime share."""

    runtime: Runtime
    cache: Cache
    stub: Path


def build_executables(
    settings: Settings,
    wheel: Path,
    names: Sequence[str] | None,
    output: Path,
    targets: Sequence[str] | None = None,
    preparation: Preparation | None = None,
    *,
    traced: bool = False,
) -> list[ExecutableSummary]:
    """Build executables of the project whose wheel is *wheel* into *output*; return an account of each.

    *names* picks executables; None means all that the settings and the wheel's entry points define. *targets*
    picks targets likewise. A file is named for its executable, and where the project has several targets for
    its target too: ``app-linux``. *preparation* is what has been begun before there was a wheel. *traced*
    executables tell what they import and open when they run.

    Raises an OxidizeError of the failing stage; *output* is then as it was.
    """
    settings = add_entry_points(settings, entry_points(wheel), parse_wheel_filename(wheel.name)[0])
    builds = [tracing(build) if traced else build for build in select(settings, names, targets)]
    cache = Cache.default()
    with (
        staging(output) as directory,
        recorded() as stages,
        nullcontext(preparation) if preparation else Preparation(cache) as prepared,
    ):
        prepared.begin(build.target for build in builds)
        shared = _Shared(settings.project, wheel, cache, prepared)
        jobs = [_prepare(build, shared) for build in builds]
        summaries = [_make(job, directory, stages) for job in jobs]
        delivered = deliver([*(summary.path for summary in summaries), *companions(directory)], output)
    summaries = [replace(summary, path=path) for summary, path in zip(summaries, delivered, strict=False)]
    for summary in summaries:
        tell(summary)
    return summaries


def lock_dependencies(settings: Settings, wheel: Path, output: Path | None) -> Path:
    """Write a ``pylock.toml`` of what all executables are made of, and return its path.

    It is for the runtime of the first target. *output* is the file; None means that of the settings, else
    ``pylock.toml`` in the project.

    Raises an OxidizeError when the dependencies cannot be resolved, or the file cannot be written.
    """
    from oxidize_build.sources.lock_writer import make_lock, write_lock  # noqa: PLC0415 - builds do not need it

    settings = add_entry_points(settings, entry_points(wheel))
    builds = select(settings, None, None)
    known = (build.executable.lock for build in builds)
    path = output or next(filter(None, known), settings.project / "pylock.toml")
    target = builds[0].target
    runtime = find_runtime(target.runtime, Cache.default(), triple=target.triple, glibc=target.glibc)
    sources = {build.executable.name: Sources.of(settings.project, build.executable) for build in builds}
    with stage("Resolve dependencies"):
        name = unpack(wheel, Cache.default()).name
        write_lock(make_lock(wheel, name, sources, runtime, path.absolute()), path)
    return path


class _Shared:
    """What is done once for all builds that need the same."""

    def __init__(self, project: Path, wheel: Path, cache: Cache, prepared: Preparation) -> None:
        self._project = project
        self._wheel = wheel
        self._cache = cache
        self._prepared = prepared
        self._collected: dict[Hashable, _Collected] = {}

    def runtime(self, target: Target) -> Runtime:
        """Return the runtime for *target*."""
        return self._prepared.runtime(target)

    def workshop(self, target: Target, file_name: str, without: frozenset[str]) -> Workshop:
        """Return the workshop for *target*, when its stub has been made: *without* these built-in modules."""
        runtime = self.runtime(target)
        if not without:
            return Workshop(runtime, self._cache, self._prepared.stub(target))
        with stage(f"{file_name}: link the interpreter"):
            return Workshop(runtime, self._cache, make_stub(runtime, self._cache, without=without))

    def collected(self, executable: Executable, runtime: Runtime) -> _Collected:
        """Return all that could be packed: *runtime*'s standard library, and the wheels of *executable*."""
        sources = Sources.of(self._project, executable)
        key = (runtime, sources)
        if key not in self._collected:
            with stage("Resolve dependencies"):
                wheels = obtain_wheels(self._wheel, sources, runtime, self._cache)
            with stage("Collect files"):
                unpacked = [unpack(wheel, self._cache) for wheel in wheels]
                files = obtain_files(self._wheel, sources, runtime, self._cache)
                project = unpack(self._wheel, self._cache).name
                self._collected[key] = _Collected(
                    tuple(project_first(unpacked, project)),
                    collect(unpacked, runtime, files),
                    frozenset(file.path for file in files),
                )
        return self._collected[key]


@dataclass(frozen=True, slots=True)
class _Collected:
    """What could be packed."""

    wheels: tuple[UnpackedWheel, ...]
    """The project's own first."""
    resources: Sequence[Resource]
    placed: frozenset[PurePosixPath]
    """Paths of the files that the settings name."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A build, and what is shared with others of it."""

    build: Build
    shared: _Shared
    runtime: Runtime
    collected: _Collected


def _prepare(build: Build, shared: _Shared) -> _Job:
    runtime = shared.runtime(build.target)
    interpreter_options(build.executable, runtime)  # its faults come before the long stages
    check_possible(build.executable, runtime)
    return _Job(build, shared, runtime, shared.collected(build.executable, runtime))


def _make(job: _Job, directory: Path, stages: Sequence[Stage]) -> ExecutableSummary:
    executable = job.build.executable
    use = profile_use(job.build, job.collected.placed)
    policy = Policy.of(executable, use.pruning)
    decided = apply_policy(job.collected.resources, job.runtime, policy)
    for line in (*decided.warnings, *use.warnings(job.collected.resources, job.runtime)):
        note(line)
    check_loadable(decided.kept, job.runtime, job.build.file_name)
    finished = directory / job.build.file_name
    contents = Contents(job.collected.wheels, job.build.licenses)
    layout = use.layout(decided)
    workshop = job.shared.workshop(job.build.target, job.build.file_name, decided.unlinked)
    report = pack(executable, decided.kept, workshop, finished, contents, layout)
    check_glibc(report, job.build.target.glibc)
    return summarise(report, executable.run, decided, stages)


def pack(
    executable: Executable,
    kept: Sequence[Resource],
    workshop: Workshop,
    finished: Path,
    contents: Contents | None = None,
    layout: Layout = PLAIN,
) -> VerifyReport:
    """Make *executable* of the resources that the policy *kept*, as the file *finished*, and check it.

    The documents about its *contents* are packed, and written beside it. *layout* says what of the image
    depends on what traced runs have seen.

    Raises an OxidizeError of the failing stage.
    """
    runtime, cache, file_name = workshop.runtime, workshop.cache, finished.name
    if executable.compress_program:
        with stage(f"{file_name}: compress the interpreter"):
            workshop = replace(workshop, stub=packed_stub(workshop.stub, runtime, cache))
    with stage(f"{file_name}: compile bytecode"):
        compiled = _compile(executable, kept, workshop, file_name, layout)
    with stage(f"{file_name}: find shared libraries"):
        resources = link_libraries(compiled.placed.packed, runtime)
    if contents:
        with stage(f"{file_name}: check licences"):
            documents = contents.describe(file_name, resources, runtime)
            resources = documents.add_to(resources)
            documents.write_beside(finished)
    compressed = Compressed(tuple(resources), ())
    if wants_compression(resources, default=executable.compression):
        with stage(f"{file_name}: compress"):
            own = contents.wheels[0].name if contents else ""
            compressed = compress(resources, cache, default=executable.compression, own=own)
    parts = _Parts(compressed, compiled.options, layout)
    if executable.snapshot:
        parts = _with_snapshot(parts, executable, compiled.program, workshop, finished)
    else:
        parts = replace(parts, options=(*parts.options, *unpack_ahead(layout, compressed.resources)))
    with stage(f"{file_name}: write the executable"):
        if compiled.placed.beside:
            write_tree(compiled.placed.beside, finished.with_name(f"{file_name}{TREE_SUFFIX}"))
        return _assemble(parts, workshop, finished)


@dataclass(frozen=True, slots=True)
class _Compiled:
    """An executable's files with their bytecode, and what the image says of them."""

    program: Program
    placed: Placed
    options: tuple[OptionValue, ...]


def _compile(
    executable: Executable, kept: Sequence[Resource], workshop: Workshop, file_name: str, layout: Layout
) -> _Compiled:
    """Add oxidize's own files to those that are *kept*, compile all, and say where each is placed."""
    runtime, cache = workshop.runtime, workshop.cache
    if executable.self_test:
        kept = [*kept, *self_test_files(kept, runtime)]
    if executable.snapshot:
        kept = [*kept, *snapshot_files(runtime)]
    program = treat_main(make_program(executable, kept, runtime), executable.rules, runtime)
    if program.main:
        compile_source(program.main.content.read(), str(program.main.path), runtime, cache)
    host = host_files(kept, runtime)
    resources: list[Resource] = [*leave_frozen_out(kept, runtime), *host.files]
    level = bytecode_level(executable)
    effects = layout.profile.effects() if layout.profile else ()
    lazy = lazy_targets(executable.lazy_imports, resources, effects)
    resources = add_own_files(program, resources)
    compiled = compile_sources(resources, runtime, cache, optimize=level, lazy=lazy)
    placed = place(compiled, file_name, runtime)
    check_placement(executable, placed.options)
    bytecode = OptionValue(Option.BYTECODE_LEVEL, number=level)
    own = (*program.options, *host.options, *placed.options, *lazy_options(lazy), bytecode)
    return _Compiled(program, placed, (*own, *layout.options))


def leave_frozen_out(resources: Sequence[Resource], runtime: Runtime) -> list[Resource]:
    """Turn the modules that the interpreter has frozen into data files.

    The interpreter's own importer is quicker with them; their source is for tracebacks.
    ``zipimport`` stays a module, since the stub takes its place in the interpreter, and so does what had to
    be adapted.
    """
    frozen = runtime.frozen_modules - {"zipimport"}
    left: list[Resource] = []
    for resource in resources:
        adapted = adapt(resource) if isinstance(resource, SourceModule) else resource
        if adapted is not resource or not isinstance(resource, SourceModule) or resource.name not in frozen:
            left.append(adapted)
        elif resource.packs_source:
            left.append(
                DataFile(
                    resource.path,
                    resource.content,
                    resource.origin,
                    placement=resource.placement,
                    compression=resource.compression,
                )
            )
    return left


@dataclass(frozen=True, slots=True)
class _Parts:
    """What an image is made of."""

    compressed: Compressed
    options: tuple[OptionValue, ...]
    layout: Layout
    snapshot: bytes = b""


def _with_snapshot(
    parts: _Parts, executable: Executable, program: Program, workshop: Workshop, finished: Path
) -> _Parts:
    """Let an executable of these *parts* make a snapshot, and return them with it."""
    # One option takes as much room as the other: all else is in the same place in both executables
    makes, made = (OptionValue(Option.SNAPSHOT_MAKE, number=number) for number in (1, 0))
    maker = finished.with_name(f".{finished.name}.snapshot")
    with stage(f"{finished.name}: make the snapshot"):
        report = _assemble(replace(parts, options=(*parts.options, makes)), workshop, maker)
        known = known_modules(report.image, workshop.runtime)
        resources, profile = parts.compressed.resources, parts.layout.profile
        preload = default_preload(program, executable, resources, profile)
        snapshot = take_snapshot(maker, executable, preload, known)
        maker.unlink()
    tell_of(snapshot, finished.name)
    return replace(parts, options=(*parts.options, made), snapshot=snapshot.content)


def _assemble(parts: _Parts, workshop: Workshop, finished: Path) -> VerifyReport:
    runtime = workshop.runtime
    stdlib = OptionValue(Option.STDLIB_DIRECTORY, str(runtime.stdlib_path))
    digest = OptionValue(Option.PROGRAM_DIGEST, program_digest(workshop.stub, IMAGE_ADDRESS))
    image = finished.with_name(f".{finished.name}.image")
    write_image(
        image,
        parts.compressed.resources,
        [*parts.options, stdlib, digest],
        hexversion=runtime.hexversion,
        cache_tag=runtime.cache_tag,
        dictionaries=parts.compressed.dictionaries,
        order=use_order(parts.layout, parts.compressed.resources),
        snapshot=parts.snapshot,
    )
    attach(workshop.stub, image, finished)
    image.unlink()
    return verify(finished)
