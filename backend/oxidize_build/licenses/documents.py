"""The documents about an executable's components: in the executable, and beside it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from packaging.utils import canonicalize_name

from oxidize_build.beside import BILL_SUFFIX, TEXTS_SUFFIX
from oxidize_build.licenses.audit import audit, with_overrides
from oxidize_build.licenses.collect import components_of
from oxidize_build.licenses.sbom import bill_of_materials
from oxidize_build.licenses.texts import collected_texts
from oxidize_build.program import OWN
from oxidize_build.resources import Content, DataFile, Resource
from oxidize_build.runtime.model import Runtime
from oxidize_build.settings.model import Licenses
from oxidize_build.unpacked_wheel import UnpackedWheel

TEXTS = PurePosixPath("share/licenses/LICENSES.txt")
"""Where the collected licence texts stand in the executable's tree."""
BILL_NAME = "oxidize.cdx.json"
"""Name of the bill of materials in ``.dist-info/sboms`` of the project (PEP 770)."""


@dataclass(frozen=True, slots=True)
class Documents:
    """What is written about an executable."""

    texts: str
    """All licence texts as one document."""
    bill: str
    """The bill of materials: CycloneDX 1.6 as JSON."""
    dist_info: str
    """Name of the directory of the project's metadata."""

    def add_to(self, resources: Sequence[Resource]) -> list[Resource]:
        """Return *resources* with both documents; the project's RECORD then lists the bill."""
        bill = self.bill.encode()
        record = next((r for r in resources if r.path.parts[-2:] == (self.dist_info, "RECORD")), None)
        others = [resource for resource in resources if resource is not record]
        if isinstance(record, DataFile):
            path = record.path.parent / "sboms" / BILL_NAME
            others += [_listing(record, bill), DataFile(path, Content(bill), record.origin)]
        return [*others, DataFile(TEXTS, Content(self.texts.encode()), OWN)]

    def write_beside(self, executable: Path) -> None:
        """Write both documents next to *executable*: ``app.licenses.txt`` and ``app.cdx.json``."""
        executable.with_name(executable.name + TEXTS_SUFFIX).write_text(self.texts, encoding="utf-8")
        executable.with_name(executable.name + BILL_SUFFIX).write_text(self.bill, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Contents:
    """What the documents are about."""

    wheels: tuple[UnpackedWheel, ...]
    """Those that are packed, the project's own first."""
    policy: Licenses

    def describe(self, name: str, packed: Sequence[Resource], runtime: Runtime) -> Documents:
        """Return the documents about the executable *name*, whose resources are *packed*.

        Raises LicenseError when the policy does not admit a component.
        """
        project = self.wheels[0]
        components = components_of(project.name, self.wheels, packed, runtime)
        components = with_overrides(components, self.policy)
        audit(components, self.policy)
        texts = collected_texts(name, components)
        return Documents(texts, bill_of_materials(name, components), project.dist_info)


def project_first(wheels: Sequence[UnpackedWheel], project: str) -> list[UnpackedWheel]:
    """Return *wheels* with that of the distribution *project* first."""
    name = canonicalize_name(project)
    return sorted(wheels, key=lambda wheel: canonicalize_name(wheel.name) != name)


def _listing(record: DataFile, bill: bytes) -> DataFile:
    """Return the RECORD with a row for the bill (PEP 376)."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(bill).digest()).rstrip(b"=").decode()
    row = f"{record.path.parent.name}/sboms/{BILL_NAME},sha256={digest},{len(bill)}\n"
    return replace(record, content=Content(record.content.read().rstrip(b"\n") + b"\n" + row.encode()))
