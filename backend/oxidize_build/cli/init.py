"""``oxidize init``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("directory", default=".", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--pip-install",
    "requirements",
    metavar="REQUIREMENT",
    multiple=True,
    help="Pack this, with what it depends on; may be given several times.",
)
@click.option("--python-code", "code", metavar="CODE", help="Run this, as python -c does.")
def init(directory: Path, requirements: tuple[str, ...], code: str | None) -> None:
    """Make DIRECTORY (by default this one) a project that builds an executable; print what was written.

    A new project gets the name of its directory. One that has a pyproject.toml keeps its backend, which then
    makes the wheels, and the file's comments and layout.
    """
    # `oxidize --help` does not need it
    from oxidize_build.new_project import Wish, init_project

    written = init_project(directory, Wish(requirements, code))
    for path in written:
        click.echo(path)
    if not written:
        click.echo(f"{directory / 'pyproject.toml'} is as it should be: nothing has changed", err=True)
