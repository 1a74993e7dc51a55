"""The third-party libraries of a runtime, built as static libraries into one prefix.

What was built once is kept in the cache, by the digest of all that it was made of: source, recipe,
compiler, and the libraries that it needs. So a build that was interrupted goes on, and runtimes of several
versions share their libraries.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from oxidize_build.cache import cache_key
from oxidize_build.runtime.build import recipes
from oxidize_build.runtime.build.recipes import Bench
from oxidize_build.runtime.build.sources import Component, Sources, find_component
from oxidize_build.runtime.build.steps import Step, Tools, run_steps
from oxidize_build.runtime.build.toolchain import Toolchain

_CACHE_KIND = "libraries"


@dataclass(frozen=True, slots=True)
class Library:
    """A library that runtimes are linked with."""

    name: str
    """Of its component."""
    archives: tuple[str, ...]
    """What ``-l`` wants to hear, in link order."""
    recipe: Callable[[Bench], None]
    """Builds and installs it."""
    needs: tuple[str, ...] = ()
    """Names of the libraries that it is built with."""

    @property
    def component(self) -> Component:
        """Its row in the table of sources."""
        return find_component(self.name)


LIBRARIES = (
    Library("zlib", ("z",), recipes.zlib),
    Library("bzip2", ("bz2",), recipes.bzip2),
    Library("xz", ("lzma",), recipes.xz),
    Library("zstd", ("zstd",), recipes.zstd),
    Library("libffi", ("ffi",), recipes.libffi),
    Library("libuuid", ("uuid",), recipes.libuuid),
    Library("mpdecimal", ("mpdec",), recipes.mpdecimal),
    Library("ncurses", ("panelw", "ncursesw"), recipes.ncurses),
    Library("libedit", ("edit",), recipes.libedit, needs=("ncurses",)),
    Library("sqlite", ("sqlite3",), recipes.sqlite),
    Library("openssl", ("ssl", "crypto"), recipes.openssl),
)
"""All of them, each after those that it needs."""


def build_libraries(
    toolchain: Toolchain,
    prefix: Path,
    sources: Sources,
    *,
    workshop: Path,
    jobs: int = 1,
    libraries: Sequence[Library] = LIBRARIES,
) -> None:
    """Build *libraries* and install them below *prefix*; *workshop* has the logs.

    ``include`` and ``lib`` below *prefix* are as usual, with static libraries alone; ``licenses`` has the
    licence texts of each library as ``NAME.txt``. *jobs* is how many compilers run at once.

    Raises RuntimeBuildError when a library cannot be built, ArchiveError when its source cannot be had.
    """
    steps = library_steps(toolchain, prefix, sources, jobs=jobs, libraries=libraries)
    run_steps(steps, workshop, toolchain.environment())


def library_steps(
    toolchain: Toolchain,
    prefix: Path,
    sources: Sources,
    *,
    jobs: int = 1,
    libraries: Sequence[Library] = LIBRARIES,
) -> list[Step]:
    """Return the steps of :func:`build_libraries`, one for each of *libraries*."""
    return [
        Step(
            name=f"{library.name}-{_key(library, toolchain)[:8]}",
            title=f"Build {library.component.title}",
            action=partial(_install, library, toolchain, prefix, sources, jobs),
        )
        for library in libraries
    ]


def _key(library: Library, toolchain: Toolchain) -> str:
    """Return the digest of all that *library* is made of."""
    flags = repr((toolchain.cflags, toolchain.ldflags))
    needed = [found.component for found in LIBRARIES if found.name in {library.name, *library.needs}]
    recipe = Path(recipes.__file__).read_bytes()
    return cache_key(toolchain.identity, flags, recipe, library.name, *map(repr, needed))


def _install(
    library: Library, toolchain: Toolchain, prefix: Path, sources: Sources, jobs: int, tools: Tools
) -> None:
    """Copy *library* below *prefix*, after building it where the cache does not have it."""

    def make(installed: Path) -> None:
        source = installed.with_name(library.name)
        sources.unpack(library.component, source)
        installed.mkdir()
        library.recipe(Bench(tools, toolchain, source, installed, prefix, jobs))
        texts = [(source / name).read_bytes() for name in library.component.license_files]
        licenses = installed / "licenses"
        licenses.mkdir()
        (licenses / f"{library.name}.txt").write_bytes(b"\n".join(texts))

    def is_sound(entry: Path) -> bool:
        return all((entry / "lib" / f"lib{name}.a").is_file() for name in library.archives)

    entry = sources.cache.obtain(_CACHE_KIND, _key(library, toolchain), make, is_sound)
    shutil.copytree(entry, prefix, dirs_exist_ok=True)
