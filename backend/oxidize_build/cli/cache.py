"""``oxidize cache``."""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from typing import TYPE_CHECKING

import click

from oxidize_build.cli.output import print_json, readable_size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oxidize_build.cache import CacheEntry


class _Amount(click.ParamType):  # type: ignore[type-arg] # generic in newer versions only
    """A number with a unit, as ``30d`` or ``2GB``."""

    def __init__(self, name: str, units: dict[str, int]) -> None:
        self.name = name
        self._units = units

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", str(value))
        if match is None or match[2].lower() not in self._units:
            allowed = ", ".join(f"5{unit}" for unit in self._units if unit)
            self.fail(f"{value!r} is no {self.name}; write it as {allowed}", param, ctx)
        return int(float(match[1]) * self._units[match[2].lower()])


AGE = _Amount("age", {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400})
SIZE = _Amount("size", {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12})


@click.group()
def cache() -> None:
    """Show or remove what builds have kept for later builds.

    It is in the directory that OXIDIZE_CACHE_DIR names, or else in the user's cache directory. Removing
    entries is always safe while no build is running: they are made again when they are needed.
    """


@cache.command()
@click.option("--json", "as_json", is_flag=True, help="Print each entry as JSON.")
def show(as_json: bool) -> None:
    """Print where the cache is, and how much room each kind of entry takes."""
    # `oxidize --help` does not need it
    from oxidize_build.cache import Cache

    place = Cache.default()
    entries = place.entries()
    if as_json:
        print_json({"directory": place.root, "entries": entries})
        return
    click.echo(place.root)
    _print(entries)


@cache.command()
@click.option(
    "--older-than", type=AGE, metavar="AGE", help="Remove what has not been used for 30d, 12h, 2w ..."
)
@click.option(
    "--max-size",
    type=SIZE,
    metavar="SIZE",
    help="Remove what has not been used for longest, until the rest has 2GB, 500MB ...",
)
@click.option("--all", "everything", is_flag=True, help="Remove everything.")
@click.option("--json", "as_json", is_flag=True, help="Print each removed entry as JSON.")
def prune(older_than: int | None, max_size: int | None, everything: bool, as_json: bool) -> None:
    """Remove entries of the cache, and print how many there were of each kind."""
    # `oxidize --help` does not need it
    from oxidize_build.cache import Cache

    if older_than is None and max_size is None and not everything:
        raise click.UsageError("say what is to be removed: --older-than AGE, --max-size SIZE or --all")
    oldest = None if older_than is None else time.time() - older_than
    removed = Cache.default().prune(math.inf if everything else oldest, max_size)
    if as_json:
        print_json({"removed": removed})
        return
    _print(removed)


def _print(entries: Iterable[CacheEntry]) -> None:
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for entry in entries:
        counts[entry.kind] += 1
        sizes[entry.kind] += entry.size
    for kind, size in sizes.most_common():
        click.echo(f"{readable_size(size):>10}  {counts[kind]:>7}  {kind}")
    click.echo(f"{readable_size(sizes.total()):>10}  {counts.total():>7}  in all")
