"""``oxidize lock``."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from oxidize_build.cli.options import no_isolation_option, project_option


@click.command()
@project_option
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write.  [default: tool.oxidize.lock, else pylock.toml, in the project]",
)
@no_isolation_option
def lock(project: Path, output: Path | None, no_isolation: bool) -> None:
    """Write a pylock.toml of what the project's executables are made of, and print its path.

    It holds the versions and hashes of everything that is packed besides the project itself. With `lock =
    "pylock.toml"` in [tool.oxidize], builds pack exactly these files.
    """
    # `oxidize --help` needs none of these
    from oxidize_build.pipeline import lock_dependencies
    from oxidize_build.project import build_project_wheel
    from oxidize_build.settings import read_settings

    settings = read_settings(project)
    with tempfile.TemporaryDirectory(prefix="oxidize-") as scratch:
        wheel = build_project_wheel(settings, Path(scratch), isolated=not no_isolation)
        click.echo(lock_dependencies(settings, wheel, output))
