"""On which Linux distributions a file runs, as far as the C library decides it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

_TABLE = Path(__file__).with_name("distributions.toml")


class Libc(StrEnum):
    """The C library that a file needs of the system."""

    GLIBC = "glibc"
    MUSL = "musl"
    NONE = "none"
    """It is linked statically, or the file calls none."""


@dataclass(frozen=True, slots=True)
class Floor:
    """The C library that a file needs, and the oldest version of it that will do."""

    libc: Libc
    version: str | None = None
    """``2.34``; None where any version will do."""

    def __str__(self) -> str:
        if self.libc is Libc.NONE:
            return "no C library"
        return f"{self.libc} {self.version} or later" if self.version else str(self.libc)

    def at_least(self, other: Floor) -> Floor:
        """Return the higher one of the two, which must be of the same library or of none."""
        if other.libc is Libc.NONE:
            return self
        if self.libc is Libc.NONE or release_key(other.version) > release_key(self.version):
            return other
        return self


@dataclass(frozen=True, slots=True)
class Release:
    """A release of a distribution."""

    name: str
    libc_version: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """A line of the table ``distributions.toml``."""

    name: str
    libc: Libc
    releases: tuple[Release, ...]
    """From old to new."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a file runs on a distribution."""

    distribution: str
    runs: bool
    """On one release at least of those in the table."""
    releases: tuple[str, ...]
    """Those on which it runs, from old to new."""
    reason: str


@cache
def distributions() -> tuple[Distribution, ...]:
    """Return the table of distributions."""
    table = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    return tuple(
        Distribution(
            entry["name"],
            Libc(entry["libc"]),
            tuple(Release(name, version) for name, version in entry["releases"]),
        )
        for entry in table["distribution"]
    )


def release_key(version: str | None) -> tuple[int, ...]:
    """Return what versions such as ``2.34`` are compared by; None comes before all."""
    return tuple(int(part) for part in version.split(".")) if version else ()


def verdicts(floor: Floor) -> tuple[Verdict, ...]:
    """Return for each distribution of the table whether a file that needs *floor* runs on it."""
    return tuple(_verdict(floor, distribution) for distribution in distributions())


def _verdict(floor: Floor, distribution: Distribution) -> Verdict:
    every = tuple(release.name for release in distribution.releases)
    name = distribution.name
    if floor.libc is Libc.NONE:
        return Verdict(name, runs=True, releases=every, reason="needs no C library of the system")
    if floor.libc is not distribution.libc:
        return Verdict(
            name, runs=False, releases=(), reason=f"needs {floor.libc}; it has {distribution.libc}"
        )
    if floor.version is None:
        return Verdict(name, runs=True, releases=every, reason=f"needs {floor.libc}, of any version")
    fitting = [r for r in distribution.releases if release_key(r.libc_version) >= release_key(floor.version)]
    if fitting:
        reason = f"needs {floor.libc} {floor.version}; {fitting[0].name} has {fitting[0].libc_version}"
    else:
        newest = distribution.releases[-1]
        reason = f"needs {floor.libc} {floor.version}; {newest.name} has {newest.libc_version}"
    return Verdict(name, bool(fitting), tuple(release.name for release in fitting), reason)
