"""Runtimes and stubs, made in the background: they need nothing of the project but its targets."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from oxidize_build.cache import Cache
from oxidize_build.errors import SettingsError
from oxidize_build.link import make_stub
from oxidize_build.progress import stage
from oxidize_build.runtime import Runtime
from oxidize_build.runtime.find import find_runtime
from oxidize_build.settings import Settings, Target, select


class Preparation:
    """Finds the runtime of each target, and makes its stub, once, while other things are done.

    Errors are raised where a result is asked for. At the end of the block what has not begun is dropped.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._pool = ThreadPoolExecutor(1, "preparation")  # compiling is parallel in itself
        self._runtimes: dict[Hashable, Future[Runtime]] = {}
        self._stubs: dict[Hashable, Future[Path]] = {}
        self._made: dict[Runtime, Path] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def begin(self, targets: Iterable[Target]) -> None:
        """Begin what has not been begun for *targets*."""
        wanted = {_key(target): target for target in targets}
        new = {key: target for key, target in wanted.items() if key not in self._runtimes}
        for key, target in new.items():
            self._runtimes[key] = self._pool.submit(self._find, target)
        for key in new:
            self._stubs[key] = self._pool.submit(self._make_stub, self._runtimes[key])

    def begin_early(
        self, settings: Settings, names: Sequence[str] | None, targets: Sequence[str] | None
    ) -> None:
        """Begin for the executables *names* and *targets*, as :func:`select` takes them.

        Nothing is begun where only the project's wheel knows what there is.
        """
        try:
            builds = select(settings, names, targets)
        except SettingsError:
            return
        self.begin(build.target for build in builds)

    def runtime(self, target: Target) -> Runtime:
        """Return the runtime for *target*. Raises what :func:`find_runtime` does."""
        self.begin([target])
        return self._runtimes[_key(target)].result()

    def stub(self, target: Target) -> Path:
        """Return the stub for *target*. Raises what :func:`runtime` and :func:`make_stub` do."""
        self.begin([target])
        return self._stubs[_key(target)].result()

    def _find(self, target: Target) -> Runtime:
        title = f"Find the Python runtime{f' of {target.name}' if target.name else ''}"
        with stage(title, shown=False):
            return find_runtime(target.runtime, self._cache, triple=target.triple, glibc=target.glibc)

    def _make_stub(self, found: Future[Runtime]) -> Path:
        runtime = found.result()
        if runtime not in self._made:
            with stage(f"Make the stub for Python {runtime.version}", shown=False):
                self._made[runtime] = make_stub(runtime, self._cache)
        return self._made[runtime]


def _key(target: Target) -> Hashable:
    return (target.runtime, target.triple, target.glibc)
