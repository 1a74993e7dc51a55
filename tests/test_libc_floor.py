"""The C library that a file needs, by what it says to the dynamic linker."""

from __future__ import annotations

import pytest

from oxidize_build.distributions import Floor, Libc
from oxidize_build.libc_floor import libc_floor
from oxidize_build.objfile.facts import SymbolVersion


@pytest.mark.parametrize(
    ("needed", "versions", "interpreter", "floor"),
    [
        (["libc.so.6"], ["GLIBC_2.9", "GLIBC_2.17"], None, Floor(Libc.GLIBC, "2.17")),
        (["libc.so.6"], ["GLIBC_2.2.5", "GLIBC_ABI_DT_RELR"], None, Floor(Libc.GLIBC, "2.36")),
        (["libc.so.6"], [], None, Floor(Libc.GLIBC)),
        (["libstdc++.so.6"], ["GLIBCXX_3.4.29"], None, Floor(Libc.NONE)),
        ([], [], "/lib/ld-musl-x86_64.so.1", Floor(Libc.MUSL)),
        (["libc.musl-x86_64.so.1"], [], None, Floor(Libc.MUSL)),
        ([], [], None, Floor(Libc.NONE)),
    ],
)
def test_the_c_library_that_is_needed(
    needed: list[str], versions: list[str], interpreter: str | None, floor: Floor
) -> None:
    symbols = [SymbolVersion("library", version) for version in versions]
    assert libc_floor(needed, symbols, interpreter) == floor
