"""Components, their licences, the audit and the bill of materials."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from oxidize_build.cache import Cache
from oxidize_build.errors import LicenseError
from oxidize_build.licenses.audit import audit, with_overrides
from oxidize_build.licenses.collect import components_of
from oxidize_build.licenses.component import Component, Kind, LicenseText, path_to
from oxidize_build.licenses.debian import packages_of
from oxidize_build.licenses.expressions import CLASSIFIERS, SAID, is_allowed, normalized, stated_by
from oxidize_build.licenses.sbom import bill_of_materials
from oxidize_build.licenses.texts import collected_texts
from oxidize_build.resources import Content
from oxidize_build.runtime.model import Component as RuntimePart
from oxidize_build.runtime.model import Runtime
from oxidize_build.settings.model import Licenses
from oxidize_build.unpacked_wheel import UnpackedWheel, unpack

MakeWheel: TypeAlias = Callable[..., Path]


def part(name: str, expression: str | None, kind: Kind = Kind.DISTRIBUTION, **fields: Any) -> Component:
    return replace(Component(name, "1.0", kind, expression), **fields)


APPLICATION = [
    part("demo", "MIT", Kind.PROJECT, requires=("middle",)),
    part("middle", "Apache-2.0", requires=("copyleft", "free")),
    part("copyleft", "GPL-3.0-or-later"),
    part("free", "MIT OR GPL-2.0-only"),
    part("silent", None, stated="see the file COPYING"),
]


@pytest.mark.parametrize("name", sorted({*CLASSIFIERS.values(), *SAID.values()}))
def test_tables_hold_expressions(name: str) -> None:
    assert normalized(name) == name


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"license_expression": "mit or apache-2.0"}, "MIT OR Apache-2.0"),
        ({"license_expression": "LicenseRef-Mine"}, "LicenseRef-Mine"),
        ({"license": "BSD-3-Clause"}, "BSD-3-Clause"),
        ({"license": "Apache 2.0"}, "Apache-2.0"),
        ({"classifiers": ["License :: OSI Approved :: MIT License"]}, "MIT"),
        (
            {"license": "BSD", "classifiers": ["License :: OSI Approved :: MIT License"]},
            "BSD-3-Clause",
        ),
        (
            {
                "classifiers": [
                    "License :: OSI Approved :: MIT License",
                    "License :: OSI Approved :: Apache Software License",
                ]
            },
            "MIT AND Apache-2.0",
        ),
        (
            {
                "license": "MIT OR Apache-2.0",
                "classifiers": [
                    "License :: OSI Approved :: MIT License",
                    "License :: OSI Approved :: Apache Software License",
                ],
            },
            "MIT OR Apache-2.0",
        ),
        ({"license": "Copyright (c) 2020 somebody\n\nPermission is ..."}, None),
        ({"license": "do what you like"}, None),
        ({}, None),
    ],
)
def test_what_a_distribution_states(fields: Any, expected: str | None) -> None:
    assert stated_by(fields)[0] == expected


@pytest.mark.parametrize(
    ("expression", "allow", "deny", "admitted"),
    [
        ("MIT", [], [], True),
        ("MIT", ["MIT", "BSD-*"], [], True),
        ("Zlib", ["MIT", "BSD-*"], [], False),
        ("GPL-3.0-only", [], ["GPL-*"], False),
        ("gpl-3.0-only", [], ["GPL-*"], False),
        ("LGPL-3.0-only", [], ["GPL-*"], True),
        ("MIT OR GPL-3.0-only", [], ["GPL-*"], True),
        ("MIT AND GPL-3.0-only", [], ["GPL-*"], False),
        ("(MIT OR GPL-3.0-only) AND Zlib", ["MIT", "Zlib"], [], True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", [], ["GPL-*"], False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", ["*Classpath-exception*"], ["GPL-*"], True),
        ("LicenseRef-Mine", ["LicenseRef-*"], [], True),
    ],
)
def test_patterns(expression: str, allow: list[str], deny: list[str], admitted: bool) -> None:
    assert is_allowed(expression, allow, deny) is admitted


def test_audit_names_the_path_of_requirements() -> None:
    with pytest.raises(LicenseError) as caught:
        audit(APPLICATION, Licenses(deny=("GPL-*",)))
    assert "copyleft==1.0: GPL-3.0-or-later is denied" in str(caught.value)
    assert "required by demo -> middle -> copyleft" in str(caught.value)
    assert "free" not in str(caught.value)


def test_audit_of_unknown_licences() -> None:
    with pytest.raises(LicenseError, match=r"silent==1.0: its licence is not known \(it says 'see the file"):
        audit(APPLICATION, Licenses(allow=("*",)))


def test_exceptions_and_overrides() -> None:
    policy = Licenses(
        allow=("MIT", "Apache-2.0"), exceptions=("Copy_Left", "copyleft"), overrides={"silent": "MIT"}
    )
    audit(with_overrides(APPLICATION, policy), policy)


def test_the_project_itself_is_free_to_choose() -> None:
    audit([part("demo", "GPL-3.0-only", Kind.PROJECT)], Licenses(deny=("GPL-*",)))


def test_path_to_what_nobody_requires() -> None:
    assert path_to("silent", APPLICATION) == ("silent",)


def test_path_to_in_a_circle() -> None:
    circle = [part("a", "MIT", Kind.PROJECT, requires=("b",)), part("b", "MIT", requires=("a", "c"))]
    assert path_to("c", [*circle, part("c", "MIT")]) == ("a", "b", "c")


def test_bill_of_materials_is_valid_and_stable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    document = bill_of_materials("demo", APPLICATION)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(document) is None
    assert document == bill_of_materials("demo", APPLICATION)
    content = json.loads(document)
    assert "timestamp" not in content["metadata"]
    depends = {entry["ref"]: entry.get("dependsOn", []) for entry in content["dependencies"]}
    assert depends["middle==1.0"] == ["copyleft==1.0", "free==1.0"]
    assert "demo==1.0" in depends["executable:demo"]


def test_bill_of_materials_states_the_time_that_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    content = json.loads(bill_of_materials("demo", APPLICATION))
    assert content["metadata"]["timestamp"].startswith("2023-11-14T22:13:20")


def test_each_text_is_printed_once() -> None:
    text = LicenseText("LICENSE", Content(b"Be nice.\n"))
    document = collected_texts("demo", [part("a", "MIT", texts=(text,)), part("b", "MIT", texts=(text,))])
    assert document.count("Be nice.") == 1
    assert "The same text as LICENSE of a==1.0." in document


def made(make_wheel: MakeWheel, cache: Cache, name: str, **options: object) -> UnpackedWheel:
    return unpack(make_wheel(name, **options), cache)


def test_components_of_wheels(
    make_wheel: MakeWheel, cache: Cache, toy_runtime: Runtime, tmp_path: Path
) -> None:
    sbom = {"bomFormat": "CycloneDX", "components": [{"name": "libgfortran", "version": "10"}]}
    files = {
        "numeric-1.0.dist-info/licenses/LICENSE.txt": b"text",
        "numeric-1.0.dist-info/sboms/auditwheel.cdx.json": json.dumps(sbom).encode(),
        "numeric-1.0.dist-info/sboms/broken.cdx.json": b"{",
    }
    conditional = ["numeric; extra == 'fast'", "absent", "demo; python_version < '3'"]
    wheels = [
        made(make_wheel, cache, "demo", requires=conditional, extras=["fast"]),
        made(make_wheel, cache, "numeric", files=files),
    ]
    library = tmp_path / "LICENSE.ssl"
    library.write_text("ssl")
    runtime = replace(
        toy_runtime,
        components=(
            RuntimePart("CPython", "3.13.5", "Python-2.0"),
            RuntimePart("OpenSSL", "3.5.0", "Apache-2.0", (library,)),
        ),
        link_libraries=(),
    )
    found = components_of("demo", wheels, [], runtime)
    assert [(c.name, c.kind) for c in found] == [
        ("demo", Kind.PROJECT),
        ("numeric", Kind.DISTRIBUTION),
        ("CPython", Kind.RUNTIME),
        ("libgfortran", Kind.LIBRARY),
        ("OpenSSL", Kind.LIBRARY),
        ("zstd", Kind.LIBRARY),
    ]
    assert found[0].requires == ("numeric",)
    assert [text.name for text in found[1].texts] == ["LICENSE.txt"]
    assert found[4].texts[0].read() == "ssl"
    assert "Redistribution and use" in found[5].texts[0].read()


def test_debian_package_of_a_library() -> None:
    libc = next(Path("/lib").glob("*-linux-gnu/libc.so.6"), None)
    found = packages_of([libc, libc, Path("/no/such/library.so")]) if libc else []
    if not found:
        pytest.skip("this machine has no dpkg")
    assert [package.name for package in found] == ["libc6"]
    assert found[0].version
    assert found[0].texts


def test_no_package_has_a_file_of_ours(tmp_path: Path) -> None:
    assert packages_of([tmp_path / "libown.so"]) == []
