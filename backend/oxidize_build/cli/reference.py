"""The reference page of the command line, docs/reference/cli.md, which is generated from the commands."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from oxidize_build.cli import USAGE, oxidize
from oxidize_build.errors import OxidizeError
from oxidize_build.termination import INTERRUPTED

HEAD = """\
<!-- Written by `make docs-reference` from backend/oxidize_build/cli/; not to be edited. -->

# Command line

Results go to standard output, progress and errors to standard error. Where a program might read the result,
`--json` prints it as JSON. `python -m oxidize_build` is the same as `oxidize`.
"""


def reference() -> str:
    """Return the page."""
    sections = [HEAD, *_commands(oxidize, click.Context(oxidize, info_name="oxidize")), _exit_statuses()]
    return "\n".join(sections)


def _commands(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        inner = click.Context(command, info_name=name, parent=context)
        yield _section(command, inner)
        if isinstance(command, click.Group):
            yield from _commands(command, inner)


def _section(command: click.Command, context: click.Context) -> str:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    text = [f"## `{context.command_path}`\n", f"```text\n{usage}\n```\n", f"{_flowing(command.help or '')}\n"]
    records = [
        record
        for parameter in command.get_params(context)
        if isinstance(parameter, click.Option)
        and "--help" not in parameter.opts
        and (record := parameter.get_help_record(context))
    ]
    if records:
        text.append("| option | |\n| --- | --- |")
        text += [f"| `{_cell(option)}` | {_cell(told)} |" for option, told in records]
        text.append("")
    return "\n".join(text)


def _flowing(text: str) -> str:
    """Return the paragraphs of *text*, each on one line."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _exit_statuses() -> str:
    """Return the table of exit statuses: those of the kinds of errors, by number."""
    rows = {0: ["What was asked for has been done."]}
    rows[USAGE] = ["The command line cannot be understood."]
    rows[INTERRUPTED] = ["Ctrl-C has ended it."]
    for error in _kinds(OxidizeError):
        if "exit_status" in vars(error):
            first = _flowing(error.__doc__ or "").partition("\n")[0]
            rows.setdefault(error.exit_status, []).append(re.sub(r"``(.+?)``", r"`\1`", first))
    lines = [f"| {status} | {' '.join(rows[status])} |" for status in sorted(rows)]
    head = (
        "## Exit statuses\n\nAn error names what was found and what was expected; `hint:` says what to do.\n"
    )
    note = "`oxidize run` ends as the program does that it runs, and as `oxidize build` does if that fails.\n"
    return "\n".join([head, "| status | |\n| --- | --- |", *lines, "", note])


def _kinds(error: type[OxidizeError]) -> Iterator[type[OxidizeError]]:
    for kind in error.__subclasses__():
        yield kind
        yield from _kinds(kind)


if __name__ == "__main__":
    click.echo(reference(), nl=False)
