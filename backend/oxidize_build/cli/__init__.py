"""The ``oxidize`` command: one module per subcommand."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from oxidize_build import __version__
from oxidize_build.cli.analyze import analyze
from oxidize_build.cli.build import build
from oxidize_build.cli.schema import schema
from oxidize_build.cli.verify import verify
from oxidize_build.errors import OxidizeError
from oxidize_build.termination import exit_on_sigterm


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="oxidize")
def oxidize() -> None:
    """Turn a Python project into one native executable."""


oxidize.add_command(analyze)
oxidize.add_command(build)
oxidize.add_command(schema)
oxidize.add_command(verify)


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line *args* (those of the process by default) and exit."""
    try:
        with exit_on_sigterm():
            oxidize(args, prog_name="oxidize")
    except OxidizeError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_status)
