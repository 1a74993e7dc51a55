"""``oxidize completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

PROGRAM = "oxidize"
VARIABLE = "_OXIDIZE_COMPLETE"
"""The variable by which click is told to complete, as its own naming has it."""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script that makes SHELL complete the command line of oxidize.

    Put `eval "$(oxidize completion bash)"` into ~/.bashrc, the same with zsh into ~/.zshrc, or
    `oxidize completion fish | source` into ~/.config/fish/config.fish.
    """
    completer = get_completion_class(shell)
    assert completer is not None  # noqa: S101 - click has these three
    click.echo(completer(ctx.find_root().command, {}, PROGRAM, VARIABLE).source())
