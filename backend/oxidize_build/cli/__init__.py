"""The ``oxidize`` command: one module per subcommand."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from oxidize_build import __version__
from oxidize_build.cli.analyze import analyze
from oxidize_build.cli.build import build
from oxidize_build.cli.cache import cache
from oxidize_build.cli.completion import completion
from oxidize_build.cli.init import init
from oxidize_build.cli.inspect import inspect
from oxidize_build.cli.licenses import licenses
from oxidize_build.cli.lock import lock
from oxidize_build.cli.profile import profile
from oxidize_build.cli.run import run
from oxidize_build.cli.runtime import runtime
from oxidize_build.cli.schema import schema
from oxidize_build.cli.trace import trace
from oxidize_build.cli.verify import verify
from oxidize_build.errors import OxidizeError
from oxidize_build.termination import INTERRUPTED, exit_on_sigterm


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="oxidize")
def oxidize() -> None:
    """Turn a Python project into one native executable."""


oxidize.add_command(analyze)
oxidize.add_command(build)
oxidize.add_command(cache)
oxidize.add_command(completion)
oxidize.add_command(init)
oxidize.add_command(inspect)
oxidize.add_command(lock)
oxidize.add_command(licenses)
oxidize.add_command(profile)
oxidize.add_command(run)
oxidize.add_command(runtime)
oxidize.add_command(schema)
oxidize.add_command(trace)
oxidize.add_command(verify)


USAGE = click.UsageError.exit_code
"""Exit status for a command line that cannot be understood."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line *args* (those of the process by default) and exit."""
    try:
        with exit_on_sigterm():
            status = oxidize.main(args, prog_name="oxidize", standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except OxidizeError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_status)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Who reads the output has seen enough; what is buffered goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
