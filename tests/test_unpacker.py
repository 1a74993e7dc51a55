"""Where the unpacker comes from, and what is said where none can be compiled."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from oxidize_build.cache import Cache
from oxidize_build.errors import CompilerError
from oxidize_build.runtime import Runtime
from oxidize_build.unpacker import make_unpacker, unpacker_key


@pytest.fixture
def unpacker(tmp_path: Path) -> Path:
    (tmp_path / "unpacker").write_bytes(b"\x7fELF")
    return tmp_path / "unpacker"


@pytest.mark.usefixtures("no_compiler")
def test_a_ready_one_is_used_as_it_is(runtime: Runtime, cache: Cache, unpacker: Path) -> None:
    ready = dataclasses.replace(runtime, unpacker=unpacker, unpacker_key=unpacker_key())
    assert make_unpacker(ready, cache) == unpacker


@pytest.mark.usefixtures("no_compiler")
def test_one_of_other_sources_without_a_compiler(runtime: Runtime, cache: Cache, unpacker: Path) -> None:
    ready = dataclasses.replace(runtime, unpacker=unpacker, unpacker_key="other")
    message = r"^the unpacker in the runtime .* was linked for another version of oxidize.*no C compiler"
    with pytest.raises(CompilerError, match=message) as caught:
        make_unpacker(ready, cache)
    assert "get the runtime that was built for oxidize" in (caught.value.hint or "")


@pytest.mark.usefixtures("no_compiler")
def test_none_without_a_compiler(runtime: Runtime, cache: Cache, unpacker: Path) -> None:
    """The runtime may bring a stub none the less."""
    ready = dataclasses.replace(runtime, stub=unpacker, stub_key="any", unpacker=None)
    message = "^compress-program = true needs an unpacker, which the runtime does not bring.*no C compiler"
    with pytest.raises(CompilerError, match=message) as caught:
        make_unpacker(ready, cache)
    assert (caught.value.hint or "").startswith("leave out compress-program = true, or install one")
