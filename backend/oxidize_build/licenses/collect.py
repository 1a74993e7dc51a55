"""Find out what an executable is made of: its wheels, its runtime, and the libraries that come with them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from oxidize_build.licenses.component import Component, Kind, LicenseText
from oxidize_build.licenses.debian import DOCUMENTATION, packages_of
from oxidize_build.licenses.expressions import normalized, stated_by
from oxidize_build.link import DECODER, static_libraries, stub_sources
from oxidize_build.resources import Content, Resource, SharedLibrary
from oxidize_build.runtime.build.sources import find_component
from oxidize_build.runtime.model import Runtime
from oxidize_build.unpacked_wheel import UnpackedWheel, metadata
from oxidize_build.wheels import marker_environment

PYTHON = "CPython"
PYTHON_LICENSE = "Python-2.0"

_TEXT_NAME = re.compile(r"(licen[cs]e|copying|notice|authors|copyright)", re.IGNORECASE)


def components_of(
    project: str, wheels: Sequence[UnpackedWheel], packed: Iterable[Resource], runtime: Runtime
) -> list[Component]:
    """Return the components of an executable: the project, its distributions, the runtime, their libraries.

    *wheels* are those that are packed, of which *project* names the application itself; *packed* are the
    resources, among which are the libraries taken from the building machine. Each kind is in order of name.
    """
    names: dict[str, str] = {canonicalize_name(wheel.name): wheel.name for wheel in wheels}
    distributions = [
        _distribution(wheel, canonicalize_name(wheel.name) == canonicalize_name(project), names, runtime)
        for wheel in wheels
    ]
    distributions.sort(key=lambda found: (found.kind is not Kind.PROJECT, canonicalize_name(found.name)))
    libraries = {found.reference: found for found in _libraries(wheels, packed, runtime)}
    linked = sorted(libraries.values(), key=lambda found: found.reference.lower())
    return [*distributions, _interpreter(runtime), *linked]


def _distribution(
    wheel: UnpackedWheel, is_project: bool, names: Mapping[str, str], runtime: Runtime
) -> Component:
    fields = metadata(wheel)
    expression, stated = stated_by(fields)
    return Component(
        name=wheel.name,
        version=wheel.version,
        kind=Kind.PROJECT if is_project else Kind.DISTRIBUTION,
        expression=expression,
        stated=stated,
        texts=tuple(_texts(wheel, fields.get("license_files", []))),
        requires=tuple(sorted(_required(fields.get("requires_dist", []), names, runtime))),
    )


def _required(requirements: Iterable[str], names: Mapping[str, str], runtime: Runtime) -> set[str]:
    """Return those of the packed distributions that *requirements* ask for, whatever extra it takes."""
    found = set()
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        name = canonicalize_name(requirement.name)
        if name in names and _applies(requirement.marker, runtime):
            found.add(names[name])
    return found


def _applies(marker: Marker | None, runtime: Runtime) -> bool:
    if marker is None:
        return True
    extras = ["", *re.findall(r"""extra\s*==\s*['"]([^'"]*)""", str(marker))]
    return any(marker.evaluate({**marker_environment(runtime), "extra": extra}) for extra in extras)


def _texts(wheel: UnpackedWheel, stated: Sequence[str]) -> Iterator[LicenseText]:
    """Yield the files that the metadata names (PEP 639), or that are called like one in ``.dist-info``."""
    for file in wheel.files:
        parts = file.path.parts
        if parts[0] != wheel.dist_info or len(parts) < 2:
            continue
        name = str(PurePosixPath(*parts[1:])).removeprefix("licenses/")
        if parts[1] == "licenses" or name in stated or (len(parts) == 2 and _TEXT_NAME.match(name)):
            yield LicenseText(name, Content(file.source))


def _interpreter(runtime: Runtime) -> Component:
    version = runtime.short_version
    candidates = [
        runtime.stdlib / "LICENSE.txt",
        runtime.stdlib.parents[1] / "LICENSE.txt",
        DOCUMENTATION / f"libpython{version}-stdlib" / "copyright",
        DOCUMENTATION / f"python{version}" / "copyright",
    ]
    texts = tuple(LicenseText(path.name, Content(path)) for path in candidates if path.is_file())[:1]
    return Component(PYTHON, runtime.version, Kind.RUNTIME, PYTHON_LICENSE, texts=texts)


def _libraries(
    wheels: Iterable[UnpackedWheel], packed: Iterable[Resource], runtime: Runtime
) -> Iterator[Component]:
    for wheel in wheels:
        yield from _bundled(wheel)
    yield _decoder()
    for part in runtime.components:
        if part.name != PYTHON:
            texts = tuple(LicenseText(path.name, Content(path)) for path in part.license_files)
            yield Component(
                part.name, part.version, Kind.LIBRARY, normalized(part.license), part.license, texts
            )
    taken = [resource.taken_from for resource in packed if isinstance(resource, SharedLibrary)]
    linked = [] if runtime.components else static_libraries(runtime)
    yield from packages_of([*filter(None, taken), *linked])


def _decoder() -> Component:
    """Return the part of zstd that is among the sources of every stub."""
    zstd = find_component("zstd")
    folder = stub_sources() / DECODER
    texts = tuple(LicenseText(name, Content(folder / name)) for name in zstd.license_files)
    return Component("zstd", zstd.version, Kind.LIBRARY, zstd.license, zstd.license, texts)


def _bundled(wheel: UnpackedWheel) -> Iterator[Component]:
    """Yield what the wheel's own bills of materials (PEP 770) list; auditwheel writes one."""
    for file in wheel.files:
        if file.path.parts[:2] == (wheel.dist_info, "sboms") and file.path.suffix == ".json":
            yield from _listed(file.source)


def _listed(document: Path) -> Iterator[Component]:
    try:
        content = json.loads(document.read_bytes())
        parts = content.get("components", []) if content.get("bomFormat") == "CycloneDX" else []
        yield from [_read(part) for part in parts]
    except (ValueError, AttributeError, TypeError, KeyError):
        return  # somebody else's document, which is packed as it is


def _read(part: Mapping[str, Any]) -> Component:
    licenses = part.get("licenses", [])
    said = [entry.get("expression") or entry["license"].get("id") or "" for entry in licenses]
    expression = normalized(" AND ".join(filter(None, said)))
    return Component(part["name"], part.get("version", ""), Kind.LIBRARY, expression, ", ".join(said))
