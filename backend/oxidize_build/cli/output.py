"""How results are written to standard output."""

from __future__ import annotations

import dataclasses
import json

import click


def print_json(value: object) -> None:
    """Print *value*, made of dataclasses, paths and plain values, as JSON."""
    click.echo(json.dumps(value, default=_plain, indent=2))


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return str(value)


def readable_size(size: int) -> str:
    """Return *size*, in bytes, in a unit that fits: ``46.4 MB``."""
    if size < 1_000:
        return f"{size} B"
    return f"{size / 1e3:.1f} kB" if size < 1_000_000 else f"{size / 1e6:.1f} MB"


def print_fields(fields: dict[str, str]) -> None:
    """Print the names and values of *fields* below each other, those without a value left out."""
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        if value:
            click.echo(f"  {name:<{width}}  {value}")
