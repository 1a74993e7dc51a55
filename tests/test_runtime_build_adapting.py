"""What is changed in CPython's source: it is found wherever versions have it, and changed once."""

from __future__ import annotations

from pathlib import Path

import pytest

from oxidize_build.runtime.build.adapting import adapt

SEARCH = (
    '    address = search_linux_map_for_section(handle, "AsyncioDebug", "_asyncio.cpython"{});\n'
    "    if (1) {{\n"
)


@pytest.mark.parametrize(
    ("place", "rest"),
    [
        ("Python/remote_debug.h", ""),
        ("Modules/_remote_debugging_module.c", ", NULL"),
        ("Modules/_remote_debugging/asyncio.c", ", NULL"),
    ],
)
def test_the_interpreter_is_searched_too(place: str, rest: str, tmp_path: Path) -> None:
    path = tmp_path / place
    path.parent.mkdir(parents=True)
    path.write_text(SEARCH.format(rest))
    assert adapt(tmp_path) == [path]
    text = path.read_text()
    assert text.startswith(SEARCH.format(rest).partition("\n")[0])
    assert f'"AsyncioDebug", "python"{rest});' in text
    assert text.endswith("    if (1) {\n")


def test_other_sources_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "Python" / "remote_debug.h"
    path.parent.mkdir()
    path.write_text("int main;\n")
    assert adapt(tmp_path) == []
    assert path.read_text() == "int main;\n"
