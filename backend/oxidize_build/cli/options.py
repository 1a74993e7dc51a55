"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

project_option = click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    show_default=True,
    help="Directory of the project's pyproject.toml.",
)
no_isolation_option = click.option(
    "--no-isolation",
    "-n",
    is_flag=True,
    help="Build the wheel in this environment, which must have the project's build requirements.",
)
