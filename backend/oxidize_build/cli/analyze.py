"""``oxidize analyze``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oxidize_build.cli.output import print_fields, print_json, readable_size

if TYPE_CHECKING:
    from oxidize_build.analyze import Analysis
    from oxidize_build.objfile.facts import ObjectFacts


@click.command()
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path)
)
@click.option("--json", "as_json", is_flag=True, help="Print a list of results as JSON.")
def analyze(files: tuple[Path, ...], as_json: bool) -> None:
    """Tell what each FILE needs, on which Linux distributions it runs, and what protects it.

    A FILE is a program or shared library of any maker: ELF, Mach-O or PE.
    """
    # `oxidize --help` does not need it
    from oxidize_build.analyze import analyze as analyze_file

    results = [analyze_file(file) for file in files]
    if as_json:
        print_json(results)
        return
    for number, result in enumerate(results):
        if number:
            click.echo()
        _print(result)


def _print(result: Analysis) -> None:
    for facts in result.objects:
        linkage = ", static" if facts.static else ""
        kind = f"{facts.format} {facts.architecture}, {facts.kind}{linkage}"
        click.echo(f"{result.path}: {kind}, {readable_size(result.size)}")
        print_fields(_facts_fields(facts) | (_whole_fields(result) if facts is result.objects[-1] else {}))
    for verdict in result.distributions:
        # C libraries keep what they have: whatever runs on a release runs on later ones
        oldest = f"{verdict.distribution} {verdict.releases[0]} or later" if verdict.runs else ""
        click.echo(f"    {oldest or f'not on {verdict.distribution}':<36}  {verdict.reason}")


def _facts_fields(facts: ObjectFacts) -> dict[str, str]:
    versions: dict[str, list[str]] = {}
    for symbol in facts.symbol_versions:
        versions.setdefault(symbol.library, []).append(symbol.version)
    needed = (f"{name} ({', '.join(versions[name])})" if name in versions else name for name in facts.needed)
    return {
        "interpreter": facts.interpreter or "",
        "needs": ", ".join(needed),
        "minimum system": facts.minimum_system or "",
        "protections": ", ".join(f"{item.name}: {item.presence}" for item in facts.protections),
        "signature": {True: "yes", False: "no", None: ""}[facts.signed],
    }


def _whole_fields(result: Analysis) -> dict[str, str]:
    packed = result.packed
    fields = {"contains": _listed(f"{item.name} {item.version}" for item in result.libraries)}
    if result.program_size is not None:
        fields["program"] = f"compressed, {readable_size(result.program_size)} when it runs"
    if packed is not None:
        fields["packed"] = f"Python {packed.python_version}, {packed.objects} shared objects"
        fields["they need"] = _listed(packed.needed)
    if result.floor is not None:
        because = f", because of {result.floor_of}" if result.floor_of is not None else ""
        fields["C library"] = f"{result.floor}{because}"
    return fields


def _listed(items: Iterable[str]) -> str:
    return ", ".join(items)
