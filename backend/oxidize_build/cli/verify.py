"""``oxidize verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oxidize_build.cli.output import print_json
from oxidize_build.errors import ImageError

if TYPE_CHECKING:
    from oxidize_build.self_test import SelfTestReport
    from oxidize_build.verify import VerifyReport


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--run", is_flag=True, help="Import every packed module too, in child processes of FILE.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def verify(file: Path, run: bool, as_json: bool) -> None:
    """Check everything in the executable FILE."""
    # `oxidize --help` does not need them
    from oxidize_build.self_test import run_self_test
    from oxidize_build.verify import verify as check

    if not file.is_file():
        raise ImageError(f"{file} is not a file")
    report = check(file)
    tested = run_self_test(file, report.image) if run else None
    if as_json:
        _print_json(report, tested)
    else:
        _print(report, tested)
    if tested is not None and tested.failed:
        faults = "".join(f"\n  - {name}: {why}" for name, why in tested.failed.items())
        raise ImageError(f"{len(tested.failed)} packed modules cannot be imported:{faults}")


def _print(report: VerifyReport, tested: SelfTestReport | None) -> None:
    click.echo(f"{report.path}: ok")
    click.echo(f"  {report.size} bytes, of which the image has {report.image_size}")
    if report.program_size is not None:
        click.echo(f"  the program is compressed: {report.program_size} bytes when it runs")
    if tested is not None:
        click.echo(f"  {tested.imported} modules imported, {len(tested.skipped)} skipped")
        for name, why in tested.unmet.items():
            click.echo(f"  {name}: not usable: {why}")


def _print_json(report: VerifyReport, tested: SelfTestReport | None) -> None:
    image = report.image
    value = {
        "path": report.path,
        "size": report.size,
        "image_size": report.image_size,
        "program_size": report.program_size,
        "files": len(image.files),
        "modules": len(image.modules),
        "libraries": len(image.libraries),
        "self_test": tested,
    }
    print_json(value)
