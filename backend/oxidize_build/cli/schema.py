"""``oxidize schema``."""

from __future__ import annotations

import json

import click


@click.command()
def schema() -> None:
    """Print the JSON schema of [tool.oxidize], for editors and validators."""
    # `oxidize --help` does not need it
    from oxidize_build.settings.schema import schema as make

    click.echo(json.dumps(make(), indent=2, ensure_ascii=False))
