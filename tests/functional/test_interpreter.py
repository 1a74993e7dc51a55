"""``[tool.oxidize.interpreter]``: what Python is told, and what it does then."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from making import BUILD_SYSTEM, write_files

from conftest import Frontend, interpreters
from oxidize_build.settings.interpreter_fields import FIELDS, InterpreterValue, Kind

Configuration = Mapping[str, Any]

DESCRIBE = """\
import json, os, sys
sys.path.append(os.environ["DYNLOAD"])
import _testinternalcapi
print(json.dumps(_testinternalcapi.get_configs()))
"""
"""Prints what Python is configured with, by a module for CPython's own tests in the directory $DYNLOAD."""

ON = frozenset(
    {"buffered_stdio", "code_debug_ranges", "configure_c_stdio", "install_signal_handlers", "isolated"}
    | {"remote_debug", "safe_path", "use_frozen_modules"}
)
"""Flags that are true by default; all others are false."""
VALUES: Mapping[str, InterpreterValue] = {
    "coerce_c_locale": 2,
    "hash_seed": 7,
    "tracemalloc": 3,
    "perf_profiling": 1,
    "import_time": 1,
    "filesystem_encoding": "iso8859-1",
    "filesystem_errors": "strict",
    "pycache_prefix": "$ORIGIN/pycache",
    "xoptions": ("answer=42", "flag"),
    "warnoptions": ("ignore::UserWarning",),
    "bytes_warning": 1,
    "optimization_level": 1,
    "verbose": 1,
    "stdio_encoding": "iso8859-15",
    "stdio_errors": "backslashreplace",
    "check_hash_pycs_mode": "always",
    "int_max_str_digits": 1000,
    "cpu_count": 3,
    "module_search_paths": ("$ORIGIN/plugins", "/nowhere"),
}
"""Values of all fields but flags, which become the opposite of what they are."""
LEFT_OUT = {
    "configure_locale": "without it the others of the locale have no effect",
    "dump_refs_file": "older versions do not tell it",
    "utf8_mode": "Python 3.15 has another default",
    "malloc_stats": "Python 3.12 crashes after it has printed them",
}


def ask(python: Path, code: str) -> str:
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def version_of(python: Path) -> tuple[int, int]:
    major, minor = ask(python, "import sys; print(*sys.version_info[:2])").split()
    return int(major), int(minor)


def modules_for_tests(python: Path) -> str:
    """The directory of the Python's extension modules, if it has those for CPython's own tests."""
    dynload = ask(python, "import sysconfig; print(sysconfig.get_config_var('DESTSHARED'))")
    if not list(Path(dynload).glob("_testinternalcapi.*")):
        pytest.skip(f"{python} has no modules for CPython's own tests")
    return dynload


def toml(values: Mapping[str, InterpreterValue]) -> str:
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())


def project_of(folder: Path, tables: str) -> Path:
    text = f'{BUILD_SYSTEM}[project]\nname = "app"\nversion = "1"\n[tool.setuptools]\npackages = []\n{tables}'
    return write_files(folder, {"pyproject.toml": text})


def table(name: str, code: str, values: str) -> str:
    return (
        f"[tool.oxidize.executables.{name}]\ncommand = {json.dumps(code)}\n"
        f"[tool.oxidize.executables.{name}.interpreter]\n{values}\n"
    )


def run(executable: Path, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [executable, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **environment},
    )


def expand(value: InterpreterValue, dist: Path) -> Any:
    """The *value* as JSON has it, with $ORIGIN made *dist*."""
    return json.loads(json.dumps(value).replace("$ORIGIN", str(dist)))


def told(found: Any, expected: Any) -> Any:
    """What was *found* in the form of the setting; of a list, which has items of its own first, the last."""
    if isinstance(expected, bool):
        return bool(found)
    if isinstance(found, dict):  # what newer versions make of -X options
        found = [name if value is True else f"{name}={value}" for name, value in found.items()]
    return found[-len(expected) :] if isinstance(expected, list) else found


def described(executable: Path, dynload: str) -> Configuration:
    result = run(executable, DYNLOAD=dynload)
    assert result.returncode == 0, result.stderr
    configs = json.loads(result.stdout)
    return {**configs["pre_config"], **configs["config"]}


@pytest.mark.slow
@pytest.mark.parametrize("python", interpreters(), ids=str)
def test_every_field(python: Path, make_frontend: Callable[[Path], Frontend], tmp_path: Path) -> None:
    dynload, version = modules_for_tests(python), version_of(python)
    wanted = {
        field: field.name not in ON if field.kind is Kind.FLAG else VALUES[field.name]
        for field in FIELDS
        if not field.only and field.name not in LEFT_OUT and version >= field.since
    }
    values = toml({field.key: value for field, value in wanted.items()})
    project = project_of(tmp_path, table("plain", DESCRIBE, "") + table("app", DESCRIBE, values))
    dist = make_frontend(python).build(project, "--no-isolation")
    before, after = (described(dist / name, dynload) for name in ("plain", "app"))
    expected = {field.name: expand(value, dist) for field, value in wanted.items()}
    assert {name: told(after[name], expected[name]) for name in expected} == expected
    assert {name for name in expected if after[name] == before[name]} == set()


ALLOCATORS = {  # settings, and CPython's own name for what the three domains then have
    "system": ('allocator = "system"', "malloc"),
    "debug": ('allocator = "pymalloc-debug"', "pymalloc_debug"),
    "domains": ('allocators = { raw = "system", mem = "system", object = "system" }', "malloc"),
    "both": ('allocator = "debug"\nallocators = { mem = "system", object = "system" }', "malloc_debug"),
}
MIMALLOC = {
    "mimalloc": ('allocator = "mimalloc"', "mimalloc"),
    "overridden": (
        'allocator = "mimalloc"\nallocators = { raw = "system", mem = "pymalloc", object = "pymalloc" }',
        "pymalloc",
    ),
}
"""Of Python 3.13 and later."""
NAME_ALLOCATORS = (
    DESCRIBE.partition("import _testinternalcapi")[0]
    + """\
try:
    from _testinternalcapi import pymem_getallocatorsname
except ImportError:
    from _testcapi import pymem_getallocatorsname
print(pymem_getallocatorsname(), len([str(i) * 20 for i in range(100000)]))
"""
)


@pytest.mark.slow
@pytest.mark.parametrize("python", interpreters(), ids=str)
def test_allocators(python: Path, make_frontend: Callable[[Path], Frontend], tmp_path: Path) -> None:
    dynload = modules_for_tests(python)
    cases = ALLOCATORS | (MIMALLOC if version_of(python) >= (3, 13) else {})
    tables = "".join(table(name, NAME_ALLOCATORS, values) for name, (values, _) in cases.items())
    dist = make_frontend(python).build(project_of(tmp_path, tables), "--no-isolation")
    said = {name: run(dist / name, DYNLOAD=dynload).stdout for name in cases}
    assert said == {name: f"{expected} 100000\n" for name, (_, expected) in cases.items()}
