"""The rules about files of the host."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from oxidize_build.host_files import host_files
from oxidize_build.image.format import Option
from oxidize_build.objfile.neutral import without_paths
from oxidize_build.resources import Content, ExtensionModule, Resource
from oxidize_build.runtime.model import Runtime

SSL = ExtensionModule("_ssl", False, PurePosixPath("lib/_ssl.so"), Content(b""), "python")


def tls_rule(resources: list[Resource], runtime: Runtime) -> list[str]:
    [option] = host_files(resources, runtime).options
    assert option.key is Option.FALLBACK
    return option.text.split("\n")


@pytest.mark.parametrize(
    ("directory", "asked"),
    [("/usr/lib/ssl", "/usr/lib/ssl"), ("/build/toy/ssl", "/pytho/toy/ssl")],
)
def test_the_tls_rule_names_what_the_packed_library_asks_for(
    toy_runtime: Runtime, directory: str, asked: str
) -> None:
    runtime = replace(toy_runtime, tls_roots=(f"{directory}/cert.pem", f"{directory}/certs"))
    assert without_paths(directory.encode(), runtime.build_paths) == asked.encode()
    rule = tls_rule([SSL], runtime)
    assert rule[:2] == [f"{asked}/cert.pem", f"!{asked}/certs"]
    assert rule[-1] == "lib/ssl/cert.pem"


def test_a_library_that_is_part_of_the_stub_keeps_its_paths(toy_runtime: Runtime) -> None:
    roots = ("/build/toy/ssl/cert.pem", "/build/toy/ssl/certs")
    runtime = replace(toy_runtime, tls_roots=roots, builtin_modules=frozenset({"_ssl"}))
    assert tls_rule([], runtime)[0] == roots[0]
