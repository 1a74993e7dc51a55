"""Paths of the building machine in object code."""

from __future__ import annotations

import pytest

from oxidize_build.objfile.neutral import without_paths


@pytest.mark.parametrize(
    ("data", "paths", "expected"),
    [
        (b"/build/xx/3.13.0/lib\0", ["/build/xx/3.13.0"], b"/python///3.13.0/lib\0"),
        (b"a/b/c\0/a/b/c/d.c\0", ["/a/b/c"], b"a/b/c\0/pyt/c/d.c\0"),
        (b"/opt\0/opt/lib\0", ["/opt"], b"/opt\0/opt/lib\0"),
        (b"nothing", ["/build"], b"nothing"),
    ],
)
def test_directories_are_replaced_and_lengths_kept(data: bytes, paths: list[str], expected: bytes) -> None:
    result = without_paths(data, paths)
    assert len(result) == len(data)
    assert result == expected
