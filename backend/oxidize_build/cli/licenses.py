"""``oxidize licenses``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from oxidize_build.errors import ImageError


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--texts", "what", flag_value="texts", help="Print the licence texts of everything in FILE.")
@click.option("--sbom", "what", flag_value="sbom", help="Print the bill of materials (CycloneDX 1.6, JSON).")
@click.option("--json", "what", flag_value="json", help="Print the table as JSON.")
def licenses(file: Path, what: str | None) -> None:
    """Print what the executable FILE contains, and under which licences."""
    # `oxidize --help` does not need them
    from oxidize_build.licenses.documents import BILL_NAME, TEXTS
    from oxidize_build.verify import read_packed_file

    if what == "texts":
        click.echo(read_packed_file(file, str(TEXTS)), nl=False)
        return
    bill = read_packed_file(file, f"*.dist-info/sboms/{BILL_NAME}")
    if what == "sbom":
        click.echo(bill, nl=False)
        return
    rows = [_row(component) for component in json.loads(bill)["components"]]
    if what == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(len(f"{row['name']} {row['version']}") for row in rows)
    for row in rows:
        reference = f"{row['name']} {row['version']}"
        click.echo(f"{reference:{width}}  {row['license']}")


def _row(component: dict[str, object]) -> dict[str, str]:
    """Return name, version and licence of one component of a bill of materials."""
    licenses = component.get("licenses", [])
    if not isinstance(licenses, list):
        raise ImageError("its bill of materials is damaged")
    said = [entry.get("expression") or entry["license"]["name"] for entry in licenses]
    return {
        "name": str(component["name"]),
        "version": str(component.get("version", "")),
        "license": ", ".join(said) or "not stated",
    }
