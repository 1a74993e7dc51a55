"""The interpreter's settings as options of the image, and what a runtime does not have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from oxidize_build.errors import SettingsError
from oxidize_build.image.format import Option
from oxidize_build.image.writer import OptionValue
from oxidize_build.interpreter_config import interpreter_options
from oxidize_build.runtime.model import Runtime
from oxidize_build.settings import Command, Executable, Interpreter
from oxidize_build.settings.interpreter_fields import InterpreterValue


@pytest.fixture
def configured(toy_runtime: Runtime, tmp_path: Path) -> Runtime:
    """A Python 3.13 with both allocators."""
    (tmp_path / "pyconfig.h").write_text("#define WITH_PYMALLOC 1\n#define WITH_MIMALLOC 1\n")
    return replace(toy_runtime, include_dirs=(tmp_path,))


def options(
    runtime: Runtime, values: dict[str, InterpreterValue], **allocators: str
) -> tuple[OptionValue, ...]:
    interpreter = Interpreter(values=values, allocators=allocators)
    return interpreter_options(Executable("app", Command("1"), interpreter=interpreter), runtime)


def field(text: str, number: int = 0) -> OptionValue:
    return OptionValue(Option.FIELD, text, number)


def test_values_become_options_in_the_order_of_their_keys(configured: Runtime) -> None:
    given: dict[str, InterpreterValue] = {
        "warn-options": ("error", "ignore::UserWarning"),
        "utf8-mode": False,
        "stdio-encoding": "latin-1",
        "cpu-count": 3,
    }
    assert options(configured, given) == (
        field("cpu_count", 3),
        field("stdio_encoding=latin-1"),
        field("utf8_mode", 0),
        field("warnoptions=error"),
        field("warnoptions=ignore::UserWarning"),
    )
    assert options(configured, {}) == ()


@pytest.mark.parametrize(
    ("given", "follows"),
    [
        ({"hash-seed": 7}, field("use_hash_seed", 1)),
        ({"inspect": True}, field("quiet", 1)),
        ({"use-environment": True}, field("isolated", 0)),
        ({"user-site-directory": True}, field("isolated", 0)),
        ({"safe-path": False}, field("isolated", 0)),
        ({"x-options": ("utf8=0",)}, field("utf8_mode", 0)),
        ({"x-options": ("utf8",)}, field("utf8_mode", 1)),
        ({"x-options": ("dev",)}, field("dev_mode", 1)),
    ],
)
def test_what_follows_from_a_value(
    configured: Runtime, given: dict[str, InterpreterValue], follows: OptionValue
) -> None:
    assert follows in options(configured, given)


def test_a_value_that_is_given_is_not_overruled(configured: Runtime) -> None:
    assert field("quiet", 0) in options(configured, {"inspect": True, "quiet": False})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"lazy-imports": True}, r"Python 3\.13\.5:.*interpreter\.lazy-imports: only Python 3\.15 and later"),
        ({"enable-gil": True}, r"enable-gil: only free-threaded builds of Python 3\.13 and later have it"),
        ({"run-presite": "x"}, "run-presite: only debug builds"),
        ({"legacy-windows-stdio": True}, "legacy-windows-stdio: only Python for Windows"),
        ({"isolated": True, "use-environment": True}, "isolated: found true, which excludes use-environment"),
    ],
)
def test_fields_that_a_runtime_does_not_have(
    configured: Runtime, given: dict[str, InterpreterValue], said: str
) -> None:
    with pytest.raises(SettingsError, match=f"(?s){said}"):
        options(configured, given)


def test_all_faults_are_told_at_once(configured: Runtime) -> None:
    with pytest.raises(SettingsError) as caught:
        options(configured, {"lazy-imports": True, "remote-debug": True}, raw="pymalloc")
    assert str(caught.value).count("\n  interpreter.") == 3


def test_lazy_imports_cannot_be_told_to_be_off(configured: Runtime) -> None:
    newer = replace(configured, version="3.15.0", hexversion=0x030F00F0)
    assert options(newer, {"lazy-imports": False}) == ()
    assert options(newer, {"lazy-imports": True}) == (field("lazy_imports", 1),)


def test_allocators(configured: Runtime) -> None:
    assert options(configured, {"allocator": "mimalloc-debug"}, raw="system", object="pymalloc") == (
        OptionValue(Option.ALLOCATOR, "", 8),
        OptionValue(Option.ALLOCATOR, "object", 5),
        OptionValue(Option.ALLOCATOR, "raw", 3),
    )


@pytest.mark.parametrize(
    ("changes", "domain", "name", "said"),
    [
        ({"hexversion": 0x030C00F0}, "mem", "mimalloc", "mimalloc is a part of Python 3.13 and later"),
        ({"include_dirs": ()}, "mem", "pymalloc", "this Python was configured without pymalloc"),
        ({}, "raw", "pymalloc", "pymalloc needs the global interpreter lock"),
        ({"free_threaded": True}, "object", "system", "a free-threaded Python works with mimalloc only"),
        ({"free_threaded": True}, "raw", "mimalloc", "a free-threaded Python before 3.15"),
    ],
)
def test_allocators_that_cannot_be(
    configured: Runtime, changes: dict[str, Any], domain: str, name: str, said: str
) -> None:
    with pytest.raises(
        SettingsError, match=rf"interpreter\.allocators\.{domain}: found '{name}', but {said}"
    ):
        options(replace(configured, **changes), {}, **{domain: name})
