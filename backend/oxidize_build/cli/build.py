"""``oxidize build``."""

from __future__ import annotations

import gc
from pathlib import Path

import click

from oxidize_build.cli.options import no_isolation_option, project_option
from oxidize_build.cli.output import print_json


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@project_option
@click.option(
    "--outdir",
    "-o",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for the executables.  [default: dist in the project]",
)
@click.option(
    "--target",
    "targets",
    metavar="NAME",
    multiple=True,
    help="Build for this target of tool.oxidize.targets; may be given several times.  [default: all]",
)
@no_isolation_option
@click.option("--traced", is_flag=True, hidden=True, help="For `oxidize trace`.")
@click.option("--json", "as_json", is_flag=True, help="Print an account of the build as JSON instead.")
def build(
    names: tuple[str, ...],
    project: Path,
    outdir: Path | None,
    targets: tuple[str, ...],
    no_isolation: bool,
    traced: bool,
    as_json: bool,
) -> None:
    """Build the project's executables, or only those named NAME, and print their paths."""
    # `oxidize --help` needs none of these
    from oxidize_build.progress import recorded
    from oxidize_build.project import build_project
    from oxidize_build.settings import read_settings

    gc.disable()  # a build makes many records and no garbage: looking for some takes a tenth of its time
    settings = read_settings(project)
    output = (outdir or project / "dist").absolute()
    with recorded() as stages:
        summaries = build_project(
            settings, output, names or None, targets or None, isolated=not no_isolation, traced=traced
        )
    if as_json:
        print_json({"executables": summaries, "stages": stages})
        return
    for summary in summaries:
        click.echo(summary.path)
