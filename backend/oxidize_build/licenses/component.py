"""The record of one component: a distribution, the runtime, or a library linked or packed with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from oxidize_build.resources import Content


class Kind(StrEnum):
    """What a component is."""

    PROJECT = "project"
    """The application itself."""
    DISTRIBUTION = "distribution"
    """A distribution package that the application depends on."""
    RUNTIME = "runtime"
    """The Python interpreter and its standard library."""
    LIBRARY = "library"
    """A library that the interpreter, or a wheel, brings along."""


@dataclass(frozen=True, slots=True)
class LicenseText:
    """One licence or notice file of a component."""

    name: str
    """File name, relative to where the component keeps such files."""
    content: Content

    def read(self) -> str:
        """Return the text; what is not UTF-8 is taken for Latin-1."""
        data = self.content.read()
        try:
            return data.decode()
        except UnicodeDecodeError:
            return data.decode("latin-1")


@dataclass(frozen=True, slots=True)
class Component:
    """Something whose licence counts."""

    name: str
    version: str
    kind: Kind
    expression: str | None
    """SPDX licence expression (as in PEP 639), None where none could be derived."""
    stated: str = ""
    """What the component says of its licence in words of its own, where that is no SPDX expression."""
    texts: tuple[LicenseText, ...] = ()
    """In order of name."""
    requires: tuple[str, ...] = ()
    """Names of the components that it brings in, sorted."""
    url: str | None = None
    """Where its source is."""
    sha256: str | None = None
    """Of the archive of its source, in hexadecimal."""

    @property
    def reference(self) -> str:
        """What names it within one executable: ``flask==3.1.3``."""
        return f"{self.name}=={self.version}" if self.version else self.name


def path_to(name: str, components: Sequence[Component]) -> tuple[str, ...]:
    """Return the shortest chain of requirements from the project to the component *name*, both included.

    Only *name* itself is returned where nothing is known to require it.
    """
    by_name = {component.name: component for component in components}
    start = next((component.name for component in components if component.kind is Kind.PROJECT), name)
    paths: dict[str, tuple[str, ...]] = {start: (start,)}
    queue = [start]
    for current in queue:  # grows while it is walked: breadth first
        for required in by_name[current].requires if current in by_name else ():
            if required not in paths:
                paths[required] = (*paths[current], required)
                queue.append(required)
    return paths.get(name, (name,))
