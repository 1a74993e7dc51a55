"""``oxidize trace``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oxidize_build.cli.options import project_option
from oxidize_build.cli.run import PASSED, Passing

if TYPE_CHECKING:
    from oxidize_build.profile import Profile
    from oxidize_build.trace import TracedRun

_SIGNALLED = 128
"""A shell's exit status for a program that signal N has ended is this and N."""


@click.command(cls=Passing)
@click.argument("name", required=False)
@project_option
@click.option(
    "--target", metavar="TARGET", help="Trace what is built for this target of tool.oxidize.targets."
)
@click.option("--afresh", is_flag=True, help="Forget what earlier runs of this executable have recorded.")
@click.option(
    "--flame",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUTPUT",
    help="Draw where the time of this run's imports went, as OUTPUT: .svg or .html.",
)
@click.pass_context
def trace(
    ctx: click.Context,
    name: str | None,
    project: Path,
    target: str | None,
    afresh: bool,
    flame: Path | None,
) -> None:
    """Run the executable NAME, by default the project's only one, and record what it uses.

    Its arguments follow --. A separate build of it records which modules are imported, which files are opened
    and which libraries are loaded, by the program and by the Pythons that it starts. That is added to the
    project's profile, oxidize-profile.json: later builds order the executable by it, and `prune = "profile"`
    leaves out the rest. The exit status is the program's.
    """
    # `oxidize --help` needs none of these
    from oxidize_build.cache import Cache
    from oxidize_build.cli.profile import write_flame
    from oxidize_build.flame import check_format
    from oxidize_build.run import Wanted, traced_executable
    from oxidize_build.trace import keep, run_traced

    if flame is not None:
        check_format(flame)
    found = traced_executable(Wanted(project.resolve(), name, target, traced=True), Cache.default())
    traced = run_traced(found.path, ctx.meta[PASSED])
    known = keep(found.profile, found.name, traced.profile, afresh=afresh)
    _tell(found.profile, traced, known)
    if flame is not None:
        write_flame(flame, found.name, traced.profile)
        click.echo(flame, err=True)  # standard output is the program's
    ctx.exit(traced.status if traced.status >= 0 else _SIGNALLED - traced.status)


def _tell(path: Path, traced: TracedRun, known: Profile) -> None:
    run = traced.profile
    milliseconds = sum(module.own for module in run.modules if not module.child) / 1000
    click.echo(
        f"traced: {len(run.modules)} modules, {milliseconds:.0f} ms of imports, {len(run.files)} files, "
        f"{len(run.libraries)} shared libraries",
        err=True,
    )
    click.echo(f"{path}: {len(known.modules)} modules, {len(known.files)} files", err=True)
