"""``oxidize profile``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oxidize_build.cli.options import project_option
from oxidize_build.cli.output import print_json

if TYPE_CHECKING:
    from oxidize_build.profile import Profile


@click.command()
@click.argument("name", required=False)
@project_option
@click.option(
    "--by",
    type=click.Choice(["own", "total"]),
    default="own",
    show_default=True,
    help="Sort by a module's own time, or by that with all that it imports.",
)
@click.option(
    "--top",
    type=click.IntRange(1),
    metavar="N",
    default=15,
    show_default=True,
    help="Print so many modules, the slowest first.",
)
@click.option(
    "--flame",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUTPUT",
    help="Draw where the time goes instead, as OUTPUT: .svg or .html.",
)
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
def profile(name: str | None, project: Path, by: str, top: int, flame: Path | None, as_json: bool) -> None:
    """Tell what traced runs of the executable NAME have seen, the slowest imports first.

    NAME is by default the only one in the project's profile, which `oxidize trace` writes.
    """
    # `oxidize --help` needs none of these
    from oxidize_build.flame import check_format
    from oxidize_build.profile.choose import choose_profile
    from oxidize_build.settings import read_settings

    if flame is not None:
        check_format(flame)
    name, found = choose_profile(read_settings(project.resolve()), name)
    if flame is not None:
        write_flame(flame, name, found)
        if not as_json:
            click.echo(flame)
    if as_json:
        _print_json(name, found)
    elif flame is None:
        _print(name, found, by, top)


def write_flame(output: Path, name: str, profile: Profile) -> None:
    """Write the picture of *profile*, of the executable *name*, to *output*.

    Raises OutputError when it cannot be written, or its name ends in neither .svg nor .html.
    """
    from oxidize_build.errors import OutputError
    from oxidize_build.flame import flame_graph

    try:
        output.write_text(flame_graph(name, profile, output), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {output}: {error.strerror}") from error


def _print_json(name: str, profile: Profile) -> None:
    totals = profile.inclusive()
    modules = [
        {
            "name": module.name,
            "parent": module.parent,
            "own": module.own,
            "total": totals[module.name],
            "effects": module.effects,
            "child": module.child,
        }
        for module in profile.modules
    ]
    print_json({"name": name, "modules": modules, "files": profile.files, "libraries": profile.libraries})


def _print(name: str, profile: Profile, by: str, top: int) -> None:
    totals = profile.inclusive()
    started = [module for module in profile.modules if not module.child]
    whole = sum(module.own for module in started)
    effects = sum(1 for module in profile.modules if module.effects)
    only = len(profile.modules) - len(started)
    elsewhere = f" ({only} of them in child processes only)" if only else ""
    click.echo(f"{name}: {len(profile.modules)} modules{elsewhere}, {_milliseconds(whole)} ms of imports")
    click.echo(
        f"  {len(profile.files)} files, {len(profile.libraries)} shared libraries, "
        f"{effects} modules whose import does more than define names\n"
    )
    times = totals if by == "total" else {module.name: module.own for module in started}
    slowest = sorted(started, key=lambda module: (-times[module.name], module.name))[:top]
    width = max((len(module.name) for module in slowest), default=0)
    click.echo(f"   own ms  total ms  {'module':<{width}}  imported by")
    for module in slowest:
        figures = f"{_milliseconds(module.own):>9} {_milliseconds(totals[module.name]):>9}"
        click.echo(f"{figures}  {module.name:<{width}}  {module.parent or ''}".rstrip())
    if rest := len(started) - len(slowest):
        others = whole - sum(module.own for module in slowest)
        click.echo(f"{_milliseconds(others):>9} {'':>9}  ({rest} more)")


def _milliseconds(microseconds: int) -> str:
    return f"{microseconds / 1000:.2f}"
