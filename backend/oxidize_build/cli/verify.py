"""``oxidize verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oxidize_build.errors import ImageError

if TYPE_CHECKING:
    from oxidize_build.self_test import SelfTestReport


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--run", is_flag=True, help="Import every packed module too, in child processes of FILE.")
def verify(file: Path, run: bool) -> None:
    """Check everything in the executable FILE."""
    # `oxidize --help` does not need them
    from oxidize_build.self_test import run_self_test  # noqa: PLC0415
    from oxidize_build.verify import verify as check  # noqa: PLC0415

    if not file.is_file():
        raise ImageError(f"{file} is not a file")
    report = check(file)
    click.echo(f"{file}: ok")
    click.echo(f"  {report.size} bytes, of which the image has {report.image_size}")
    if run:
        _tell(run_self_test(file, report.image))


def _tell(report: SelfTestReport) -> None:
    """Print what happened. Raises ImageError when a module could not be imported."""
    click.echo(f"  {report.imported} modules imported, {len(report.skipped)} skipped")
    for name, why in report.unmet.items():
        click.echo(f"  {name}: not usable: {why}")
    if report.failed:
        faults = "".join(f"\n  - {name}: {why}" for name, why in report.failed.items())
        raise ImageError(f"{len(report.failed)} packed modules cannot be imported:{faults}")
