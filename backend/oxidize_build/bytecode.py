"""Sources compiled to bytecode: by the target's interpreter, in parallel, and reproducibly.

The same source at the same path gives the same bytes whatever else is compiled, in whatever order
and by whomever; ``_compile_worker.py`` says what that takes. Results are cached by content, so a
second build compiles only what has changed. The form is that of :pep:`552` with the *unchecked hash*
flag: the source cannot change separately, so nothing has to be compared when a module is imported.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO

from oxidize_build.cache import Cache, cache_key, is_sealed
from oxidize_build.errors import EntryPointError, RuntimeNotUsableError
from oxidize_build.lazy.targets import LazyRequest, LazyTargets
from oxidize_build.progress import note
from oxidize_build.resources import Content, Resource, SourceModule
from oxidize_build.runtime import Runtime
from oxidize_build.staging import NO_SPACE

KIND = "bytecode"
"""Kind of cache entry: a ``.pyc`` file or, where the source does not compile, text that says why."""

_WORKER = Path(__file__).with_name("_compile_worker.py")
_LAZY = tuple(sorted((Path(__file__).parent / "lazy").glob("*.py")))
_NAMED_IN_NOTE = 3


@dataclass(frozen=True, slots=True)
class _Job:
    """One source to compile. Its path in the tree becomes the code's ``co_filename``."""

    path: str
    content: Content
    optimize: int
    entry: Path
    """The cache entry that the result becomes."""
    lazy: LazyRequest | None = None
    """If its import statements may wait: what that takes."""


def compile_sources(
    resources: Sequence[Resource],
    runtime: Runtime,
    cache: Cache,
    *,
    optimize: int = 0,
    lazy: LazyTargets | None = None,
) -> list[Resource]:
    """Return *resources*, in the same order, with the bytecode of every source module.

    ``co_filename`` is the path in the tree, relative to its root. A module that does not compile keeps
    its source and has no bytecode, as importing it would only fail when it is imported: installed
    packages contain templates and sources for other versions. Such modules are counted in a note. One whose
    source is not packed is left out then.

    *optimize* is the level, as of ``python -O``, for modules that have none of their own: 0, 1 or 2.
    *lazy* says which modules may be imported lazily by others than ``__main__``.

    Raises RuntimeNotUsableError when the runtime's interpreter does not run or ends early.
    """
    compiler = _Compiler(runtime, cache)
    jobs = {
        index: compiler.job(
            str(resource.path),
            resource.content,
            optimize if resource.optimize is None else resource.optimize,
            lazy.request(resource) if lazy else None,
        )
        for index, resource in enumerate(resources)
        if isinstance(resource, SourceModule) and resource.packs_bytecode
    }
    valid = compiler.run(jobs.values())
    compiled: list[Resource] = []
    rejected: list[PurePosixPath] = []
    for index, module in enumerate(resources):
        if index not in jobs or not isinstance(module, SourceModule):
            compiled.append(module)
        elif jobs[index].entry in valid:
            compiled.append(replace(module, bytecode=Content(jobs[index].entry)))
        else:
            rejected.append(module.path)
            compiled += [module] if module.packs_source else []
    _note_rejected(rejected, runtime)
    return compiled


def compile_source(source: bytes, path: str, runtime: Runtime, cache: Cache, *, optimize: int = 0) -> bytes:
    """Return the ``.pyc`` file of one *source*, whose code is to name *path* as its file.

    Raises EntryPointError, with the interpreter's words, when *source* does not compile, and
    RuntimeNotUsableError as :func:`compile_sources` does.
    """
    compiler = _Compiler(runtime, cache)
    job = compiler.job(path, Content(source), optimize)
    if job.entry in compiler.run([job]):
        return job.entry.read_bytes()
    raise EntryPointError(
        f"{path} does not compile for Python {runtime.version}: {job.entry.read_text('utf-8')}"
    )


class _Compiler:
    """Jobs of one build: what determines their results, and where these are kept."""

    def __init__(self, runtime: Runtime, cache: Cache) -> None:
        self.runtime = runtime
        self.cache = cache
        self.lazy_identity = cache_key(*(file.read_bytes() for file in _LAZY))
        self.identity = cache_key(_WORKER.read_bytes(), runtime.magic, runtime.version, runtime.cache_tag)

    def job(self, path: str, content: Content, optimize: int, lazy: LazyRequest | None = None) -> _Job:
        parts = (self.identity, str(optimize), path, content.sha256())
        more = (self.lazy_identity, json.dumps(lazy)) if lazy else ()
        return _Job(path, content, optimize, self.cache.path(KIND, cache_key(*parts, *more)), lazy)

    def run(self, jobs: Iterable[_Job]) -> set[Path]:
        """Make the entries of *jobs* that are missing; return those of all that hold bytecode."""
        by_entry = {job.entry: job for job in jobs}
        found = {entry: self._holds_bytecode(entry) for entry in by_entry}
        missing = [job for entry, job in by_entry.items() if found[entry] is None]
        if missing:
            self._compile(missing)
            found |= {job.entry: self._holds_bytecode(job.entry) for job in missing}
        return {entry for entry, valid in found.items() if valid}

    def _holds_bytecode(self, entry: Path) -> bool | None:
        """Tell whether *entry* is a ``.pyc`` file; None when there is no such entry, or a damaged one."""
        if not is_sealed(entry):
            return None
        with entry.open("rb", buffering=0) as file:
            return file.read(len(self.runtime.magic)) == self.runtime.magic

    def _compile(self, jobs: list[_Job]) -> None:
        workers = min(os.cpu_count() or 1, len(jobs))
        queue = sorted(jobs, key=lambda job: job.content.size)  # taken from the end: the largest first
        with (
            self.cache.workshop(self.cache.root / KIND) as workshop,
            ThreadPoolExecutor(workers) as pool,
        ):
            try:
                for served in [pool.submit(self._serve, queue, workshop) for _ in range(workers)]:
                    served.result()
            finally:
                queue.clear()  # when one failed or the build is to end, the others do too

    def _serve(self, queue: list[_Job], workshop: Path) -> None:
        """Have one process compile jobs of the common *queue* until that is empty."""
        # -I would do the same, and ignore the hash seed together with the rest of the environment
        command: list[str | Path] = [self.runtime.python, "-s", "-S", "-P", "-B", "-W", "ignore", _WORKER]
        pipe = subprocess.PIPE
        try:
            with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=_environment()) as process:
                assert process.stdin is not None  # noqa: S101 (for the type checker)
                assert process.stdout is not None  # noqa: S101 (the same)
                while True:
                    try:
                        job = queue.pop()
                    except IndexError:
                        return
                    self._make_entry(job, workshop, process.stdin, process.stdout)
        except OSError as error:
            if error.errno in NO_SPACE:
                raise
            raise RuntimeNotUsableError(f"{self.runtime.python} ended, or never ran: {error}") from error

    def _make_entry(self, job: _Job, workshop: Path, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        result = workshop / f"result-{threading.get_ident()}"
        source = job.content.source
        if isinstance(source, bytes):
            source = workshop / f"source-{threading.get_ident()}"
            source.write_bytes(job.content.read())
        request = {
            "source": str(source),
            "path": job.path,
            "optimize": job.optimize,
            "result": str(result),
            "lazy": job.lazy,
        }
        stdin.write(json.dumps(request).encode() + b"\n")
        stdin.flush()
        answer = stdout.readline()
        if not answer:
            raise RuntimeNotUsableError(f"{self.runtime.python} ended while it compiled {job.path}")
        problem: str | int | None = json.loads(answer)
        if isinstance(problem, int):
            raise OSError(problem, os.strerror(problem), str(result))
        if problem is not None:
            result.write_text(problem, "utf-8", errors="backslashreplace")
        self.cache.adopt(KIND, job.entry.name, result)


def _environment() -> dict[str, str]:
    """Return this process's environment with the hash seed fixed, and nothing else said to Python."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**environment, "PYTHONHASHSEED": "0"}


def _note_rejected(paths: Sequence[PurePosixPath], runtime: Runtime) -> None:
    if paths:
        named = ", ".join(map(str, paths[:_NAMED_IN_NOTE])) + (", ..." if len(paths) > _NAMED_IN_NOTE else "")
        note(
            f"{len(paths)} of the source files do not compile for Python {runtime.short_version} "
            f"and are packed without bytecode: {named}"
        )
