"""``oxidize run``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from oxidize_build.cli.options import project_option

PASSED = "oxidize_build.passed"
"""Key of the context's ``meta``: what stands behind ``--``."""


class Passing(click.Command):
    """A command that leaves alone all that stands behind ``--``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:  # noqa: D102 (inherited)
        end = args.index("--") if "--" in args else len(args)
        ctx.meta[PASSED] = args[end + 1 :]
        return super().parse_args(ctx, args[:end])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:  # noqa: D102 (inherited)
        return [*super().collect_usage_pieces(ctx), "[-- ARGUMENT...]"]


@click.command(cls=Passing)
@click.argument("name", required=False)
@project_option
@click.option("--target", metavar="TARGET", help="Run what is built for this target of tool.oxidize.targets.")
@click.pass_context
def run(ctx: click.Context, name: str | None, project: Path, target: str | None) -> None:
    """Run the executable NAME, by default the project's only one, with the arguments after --.

    It is built first, into the project's dist directory, if the project has changed since the last build. The
    exit status is the program's.
    """
    # `oxidize --help` needs none of these
    from oxidize_build.cache import Cache
    from oxidize_build.run import Wanted, obtain_executable

    path = obtain_executable(Wanted(project.resolve(), name, target), Cache.default())
    sys.stdout.flush()
    os.execv(path, [str(path), *ctx.meta[PASSED]])  # noqa: S606 - no shell, and no need of one
