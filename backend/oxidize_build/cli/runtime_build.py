"""``oxidize runtime build``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("version")
@click.option(
    "--source",
    metavar="PATH|URL",
    help="CPython's source archive; a URL ends in #sha256=DIGEST unless the version is a known one.",
)
@click.option(
    "--sources",
    "source_folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of source archives, under any names, to be used instead of downloads.",
)
@click.option(
    "--libc",
    default="host",
    show_default=True,
    metavar="host|glibc:VERSION|musl",
    help="C library to build for: this machine's, glibc VERSION or later, or musl.",
)
@click.option("--pgo", is_flag=True, help="Optimise by the profile of a training run.")
@click.option("--lto", is_flag=True, help="Optimise across source files when linking.")
@click.option("--free-threaded", is_flag=True, help="Build without the global interpreter lock.")
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    default=lambda: os.cpu_count() or 1,
    show_default="one per processor",
    help="How many compilers run at once.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    default=".",
    help="The archive, NAME.tar.zst, or a directory for it.  [default: the current directory]",
)
@click.option(
    "--work-dir",
    "work_directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to build; an interrupted build goes on there.  [default: the cache]",
)
def build(**options: Any) -> None:  # noqa: ANN401 (as Request declares them)
    """Build CPython VERSION from source, with all its libraries linked in, and print the archive's path.

    VERSION is like 3.14, for the newest one known of it, or like 3.14.7. A copy is kept in the cache for
    `runtime = "3.14"`.
    """
    # `oxidize --help` needs none of these
    from oxidize_build.cache import Cache
    from oxidize_build.runtime.build.building import build_runtime
    from oxidize_build.runtime.build.request import Request, prepare
    from oxidize_build.runtime.store import RuntimeStore

    cache = Cache.default()
    archive = build_runtime(prepare(Request(**options), cache))
    RuntimeStore(cache).add(archive.name, archive, str(archive))
    click.echo(archive)
