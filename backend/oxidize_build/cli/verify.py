"""``oxidize verify``."""

from __future__ import annotations

from pathlib import Path

import click

from oxidize_build.errors import ImageError


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def verify(file: Path) -> None:
    """Check everything in the executable FILE."""
    # `oxidize --help` does not need it
    from oxidize_build.verify import verify as check  # noqa: PLC0415

    if not file.is_file():
        raise ImageError(f"{file} is not a file")
    report = check(file)
    click.echo(f"{file}: ok")
    click.echo(f"  {report.size} bytes, of which the image has {report.image_size}")
