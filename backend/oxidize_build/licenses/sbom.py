"""The bill of materials of an executable: CycloneDX 1.6, as JSON."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from cyclonedx.model import ExternalReference as Reference
from cyclonedx.model import ExternalReferenceType as ReferenceType
from cyclonedx.model import HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component as BomComponent
from cyclonedx.model.component import ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.utils import canonicalize_name

from oxidize_build import __version__
from oxidize_build.licenses.component import Component, Kind

MEDIA_TYPE = "application/vnd.cyclonedx+json"

_NAMESPACE = uuid.UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8")  # of object identifiers, RFC 9562
_TYPES = {Kind.PROJECT: ComponentType.APPLICATION, Kind.RUNTIME: ComponentType.FRAMEWORK}


def bill_of_materials(executable: str, components: Sequence[Component]) -> str:
    """Return the CycloneDX 1.6 document of *executable*, the same text for the same components.

    Its serial number is derived from the components, and its time is that of ``SOURCE_DATE_EPOCH``,
    without which it states none.
    """
    subject = BomComponent(
        name=executable, type=ComponentType.APPLICATION, bom_ref=f"executable:{executable}"
    )
    nodes = {component.name: _described(component) for component in components}
    bom = Bom(
        components=nodes.values(),
        metadata=BomMetaData(component=subject, tools=ToolRepository(components=[_this_tool()])),
        serial_number=_serial_number(executable, components),
    )
    bom.metadata.timestamp = _time()  # type: ignore[assignment] # it may be absent, and is now by default
    required = {name for component in components for name in component.requires}
    bom.register_dependency(subject, [node for name, node in nodes.items() if name not in required])
    for component in components:
        depends = [nodes[name] for name in component.requires if name in nodes]
        bom.register_dependency(nodes[component.name], depends)
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _described(component: Component) -> BomComponent:
    licenses: list[LicenseExpression | DisjunctiveLicense] = []
    if component.expression:
        licenses = [LicenseExpression(component.expression)]
    elif component.stated:
        licenses = [DisjunctiveLicense(name=component.stated)]
    sources = []
    if component.url:
        hashes = [HashType(alg=HashAlgorithm.SHA_256, content=component.sha256)] if component.sha256 else []
        sources = [Reference(type=ReferenceType.DISTRIBUTION, url=XsUri(component.url), hashes=hashes)]
    return BomComponent(
        name=component.name,
        version=component.version or None,
        type=_TYPES.get(component.kind, ComponentType.LIBRARY),
        bom_ref=component.reference,
        purl=_package_url(component),
        licenses=licenses,
        external_references=sources,
    )


def _package_url(component: Component) -> PackageURL:
    if component.kind in {Kind.DISTRIBUTION, Kind.PROJECT}:
        return PackageURL("pypi", None, canonicalize_name(component.name), component.version or None)
    return PackageURL("generic", None, component.name, component.version or None)


def _this_tool() -> BomComponent:
    return BomComponent(name="oxidize-build", version=__version__, type=ComponentType.APPLICATION)


def _serial_number(executable: str, components: Sequence[Component]) -> uuid.UUID:
    references = " ".join(component.reference for component in components)
    return uuid.uuid5(_NAMESPACE, f"{executable} {references}")


def _time() -> datetime | None:
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(epoch), tz=UTC) if epoch.isdigit() else None
