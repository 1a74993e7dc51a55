"""Bytecode: complete, cached, and the same whatever else the process has compiled."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import marshal
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from types import CodeType

import pytest

from oxidize_build import bytecode
from oxidize_build.bytecode import compile_source, compile_sources
from oxidize_build.cache import Cache
from oxidize_build.errors import EntryPointError, RuntimeNotUsableError
from oxidize_build.resources import Content, DataFile, SourceModule
from oxidize_build.runtime import Runtime

WORKER = Path(bytecode.__file__).with_name("_compile_worker.py")
RUN_WORKER = f"import runpy; runpy.run_path({str(WORKER)!r}, run_name='__main__')"
STDLIB = Path(os.__file__).parent
INTERPRETERS = [
    python
    for version in ("3.11", "3.12", "3.13", "3.14")
    for python in sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
] or [Path(sys.executable)]


def module(name: str, source: bytes) -> SourceModule:
    path = PurePosixPath("lib/python3.13/site-packages") / f"{name}.py"
    return SourceModule(name, is_package=False, path=path, content=Content(source), origin="test")


def bytecode_of(resource: object) -> bytes:
    assert isinstance(resource, SourceModule)
    assert resource.bytecode is not None
    return resource.bytecode.read()


def code_in(pyc: bytes) -> CodeType:
    code = marshal.loads(pyc[16:])
    assert isinstance(code, CodeType)
    return code


def namespace_of(code: CodeType) -> dict[str, object]:
    namespace: dict[str, object] = {}
    exec(code, namespace)
    return namespace


def run_worker(
    python: Path, sources: Sequence[Path], results: Path, before: str = "pass"
) -> dict[str, bytes]:
    """Compile *sources* in one process, in order, once it has run *before*; return the results by name."""
    results.mkdir()
    requests = [
        {"source": str(file), "path": f"lib/{file.name}", "optimize": 0, "result": str(results / file.name)}
        for file in sources
    ]
    answers = subprocess.run(
        [python, "-s", "-S", "-P", "-B", "-W", "ignore", "-c", f"{before}; {RUN_WORKER}"],
        input="".join(json.dumps(request) + "\n" for request in requests),
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "0"},
    ).stdout.splitlines()
    assert len(answers) == len(sources)
    return {file.name: file.read_bytes() for file in sorted(results.iterdir())}


def test_complete_pyc_file(cache: Cache, runtime: Runtime) -> None:
    source = b"'Text.'\nanswer = 42\n"
    [compiled] = compile_sources([module("answer", source)], runtime, cache)
    pyc = bytecode_of(compiled)
    assert pyc[:4] == runtime.magic
    assert pyc[4:8] == b"\x01\0\0\0"
    assert pyc[8:16] == importlib.util.source_hash(source)
    code = code_in(pyc)
    assert code.co_filename == "lib/python3.13/site-packages/answer.py"
    namespace = namespace_of(code)
    assert namespace["answer"] == 42
    assert namespace["__doc__"] == "Text."


@pytest.mark.parametrize(("optimize", "doc"), [(0, "Text."), (2, None)])
def test_optimization(cache: Cache, runtime: Runtime, optimize: int, doc: str | None) -> None:
    both = [compile_source(b"'Text.'", "main.py", runtime, cache, optimize=level) for level in (0, optimize)]
    assert (both[0] == both[1]) == (optimize == 0)
    assert namespace_of(code_in(both[1])).get("__doc__") == doc


def test_other_resources_pass_through_in_order(cache: Cache, runtime: Runtime) -> None:
    data = DataFile(PurePosixPath("lib/a.txt"), Content(b"a"), "test")
    first, second, third = compile_sources([module("a", b"1"), data, module("b", b"2")], runtime, cache)
    assert isinstance(first, SourceModule)
    assert isinstance(third, SourceModule)
    assert (first.name, third.name) == ("a", "b")
    assert second is data
    assert compile_sources([], runtime, cache) == []


@pytest.mark.parametrize(
    "source",
    [
        b"print 'Python 2'\n",
        b"a = {{ template }\n",
        b"\0",
        b"# coding: nonsense\n",
        b"\xff = 1\n",
        b"-" * 90_000 + b"1",
    ],
)
def test_source_that_does_not_compile(
    cache: Cache, runtime: Runtime, capsys: pytest.CaptureFixture[str], source: bytes
) -> None:
    good, bad = compile_sources([module("good", b"1"), module("bad", source)], runtime, cache)
    assert bytecode_of(good)
    assert isinstance(bad, SourceModule)
    assert bad.bytecode is None
    assert "1 of the source files do not compile" in capsys.readouterr().err


def test_main_script_that_does_not_compile(cache: Cache, runtime: Runtime) -> None:
    with pytest.raises(EntryPointError, match=r"main\.py does not compile .*SyntaxError: .*line 2"):
        compile_source(b"\nprint 1", "main.py", runtime, cache)


def test_second_build_starts_no_interpreter(
    cache: Cache, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = [module("good", b"1"), module("bad", b"1 1")]
    first = compile_sources(modules, runtime, cache)
    monkeypatch.setattr(subprocess, "Popen", None)
    assert compile_sources(modules, runtime, cache) == first
    assert not list((cache.root / bytecode.KIND).glob(".making-*"))


@pytest.mark.parametrize("size", [0, 16, 2000])
def test_damaged_bytecode_is_compiled_again(cache: Cache, runtime: Runtime, size: int) -> None:
    modules = [module("long", b"a = 1\n" * 1000), module("bad", b"1 1")]
    compiled = compile_sources(modules, runtime, cache)
    whole = bytecode_of(compiled[0])
    for entry in (cache.root / bytecode.KIND).rglob("*"):
        if entry.is_file() and not entry.suffix:
            os.truncate(entry, min(size, entry.stat().st_size))
    assert compile_sources(modules, runtime, cache) == compiled
    assert bytecode_of(compiled[0]) == whole


def test_same_source_at_two_paths(cache: Cache, runtime: Runtime) -> None:
    pair = compile_sources([module("a", b"1"), module("b", b"1")], runtime, cache)
    assert [code_in(bytecode_of(one)).co_filename[-4:] for one in pair] == ["a.py", "b.py"]


def test_interpreter_that_ends_early(cache: Cache, runtime: Runtime) -> None:
    broken = dataclasses.replace(runtime, python=Path("/bin/true"))
    with pytest.raises(RuntimeNotUsableError, match="ended"):
        compile_source(b"1", "main.py", broken, cache)


@pytest.mark.parametrize("python", INTERPRETERS, ids=lambda python: python.parts[-3])
def test_reproducible(python: Path, tmp_path: Path) -> None:
    files = sorted(STDLIB.glob("*.py"))
    sample, others = files[::2][:80], [*files[1::2], *sorted((STDLIB / "asyncio").glob("*.py"))]
    alone = run_worker(python, sample, tmp_path / "alone")
    after = run_worker(python, [*others, *sample], tmp_path / "after")
    backwards = run_worker(python, sample[::-1], tmp_path / "backwards")
    full = run_worker(python, sample, tmp_path / "full", "import asyncio, email.parser, argparse, typing")
    assert len(alone) > 60  # an older interpreter does not compile all of a newer library
    assert {name for name in alone if alone[name] != after[name]} == set()
    assert {name for name in alone if alone[name] != backwards[name]} == set()
    assert {name for name in alone if alone[name] != full[name]} == set()


@pytest.mark.parametrize("python", INTERPRETERS, ids=lambda python: python.parts[-3])
def test_strings_that_the_process_has_interned_do_not_show(python: Path, tmp_path: Path) -> None:
    subject = tmp_path / "subject.py"
    subject.write_text(
        "def f(a_name_of_its_own=('/', '', 'two words', 1.5, b'x', frozenset('qz'))): return '/'\n"
    )
    intern = "import sys; kept = [sys.intern(s) for s in ('/', '', 'a_name_of_its_own', 'f', 'qz')]"
    alone = run_worker(python, [subject], tmp_path / "alone")
    after = run_worker(python, [subject], tmp_path / "after", intern)
    assert alone["subject.py"] == after["subject.py"]


def test_hash_seed_of_the_caller_does_not_show(
    cache: Cache, runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attributes = "".join(f"        self.attribute{number} = 1\n" for number in range(20))
    source = f"class C:\n    def __init__(self):\n{attributes}s = x in {{'a', 'b', 'c', 'd'}}\n".encode()
    first = compile_source(source, "main.py", runtime, cache)
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    assert compile_source(source, "main.py", runtime, Cache(tmp_path / "other")) == first
