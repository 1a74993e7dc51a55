"""An executable whose program is compressed does what it does without that."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import PROJECTS, Build, Frontend, Jail, interpreters, make_build
from oxidize_build.analyze import analyze
from oxidize_build.contents import Part, read_contents
from oxidize_build.objfile.elf_packed import is_packed
from oxidize_build.verify import verify

pytestmark = pytest.mark.slow

SETTINGS = "\n[tool.oxidize]\ncompress-program = true\n"
SNAPSHOT_VERSIONS = ("3.12", "3.13", "3.14")


@pytest.fixture(scope="module")
def build_packed(frontend: Frontend, tmp_path_factory: pytest.TempPathFactory) -> Build:
    return make_build(frontend, tmp_path_factory, SETTINGS)


@pytest.fixture(scope="module")
def packed(build_packed: Build) -> Path:
    return build_packed(PROJECTS / "hello") / "hello"


def test_what_is_told_of_it(packed: Path, hello: Path) -> None:
    report, plain = verify(packed), verify(hello)
    assert is_packed(packed)
    assert packed.stat().st_size < hello.stat().st_size
    assert report.program_size is not None
    assert plain.program_size is None
    contents = read_contents(report)
    assert contents.parts()[Part.STUB] < report.program_size / 2
    found, expected = analyze(packed), analyze(hello)
    assert found.program_size == report.program_size
    assert (found.objects, found.floor) == (expected.objects, expected.floor)
    assert found.libraries == expected.libraries
    assert found.distributions == expected.distributions


def test_runs_alike(packed: Path, hello: Path, tmp_path: Path) -> None:
    stripped = tmp_path / "hello"
    subprocess.run(["strip", "-o", stripped, packed], check=True)
    expected = subprocess.run([hello, "a"], capture_output=True, check=False)
    for path in (packed, stripped):
        found = subprocess.run([path, "a"], capture_output=True, check=False)
        assert (found.returncode, found.stdout, found.stderr) == (
            expected.returncode,
            expected.stdout,
            expected.stderr,
        )


def test_damage_is_told(packed: Path, tmp_path: Path) -> None:
    content = bytearray(packed.read_bytes())
    content[verify(packed).image_offset // 2] ^= 1
    damaged = tmp_path / "damaged"
    damaged.write_bytes(content)
    damaged.chmod(0o755)
    done = subprocess.run([damaged], capture_output=True, text=True, check=False)
    assert done.returncode == 70
    assert done.stderr == f"{damaged}: damaged executable: the packed program cannot be unpacked\n"


def test_little_memory(packed: Path) -> None:
    limit = 400 << 20
    done = subprocess.run(
        [packed],
        capture_output=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_children(build_packed: Build, tmp_path: Path) -> None:
    """``sys.executable`` and multiprocessing start the file again."""
    children = build_packed(PROJECTS / "children") / "children"
    environment = {"PATH": os.environ["PATH"], "SCRATCH": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [children, "executable"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["-m"] == [0, "worker ['x'] children.worker", ""]


def test_alone(packed: Path, jail: Jail) -> None:
    """There is no /proc, and nothing but libc."""
    done = subprocess.run(jail(packed), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_static_program(
    frontend: Frontend, tmp_path_factory: pytest.TempPathFactory, musl_runtime: Path, jail: Jail
) -> None:
    settings = f"{SETTINGS}runtime = {{path = {json.dumps(str(musl_runtime))}}}\n"
    hello = make_build(frontend, tmp_path_factory, settings)(PROJECTS / "hello") / "hello"
    done = subprocess.run(jail(hello), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("form", ["dynamic", "static"])
def test_with_a_snapshot(
    request: pytest.FixtureRequest,
    make_frontend: Callable[[Path], Frontend],
    tmp_path_factory: pytest.TempPathFactory,
    form: str,
) -> None:
    settings = f"{SETTINGS}snapshot = true\nallow = ['hello']\n"
    python = Path(sys.executable)
    if form == "static":
        musl_runtime: Path = request.getfixturevalue("musl_runtime")
        settings += f"runtime = {{path = {json.dumps(str(musl_runtime))}}}\n"
    else:
        python = _interpreter()
    build = make_build(make_frontend(python), tmp_path_factory, settings)
    hello = build(PROJECTS / "hello") / "hello"
    found, expected = (
        subprocess.run([hello], capture_output=True, check=False, env={**os.environ, "OXIDIZE_SNAPSHOT": how})
        for how in ("explain", "off")
    )
    assert verify(hello).image.snapshot is not None
    assert (found.returncode, found.stdout, found.stderr) == (
        expected.returncode,
        expected.stdout,
        expected.stderr,
    )


def _interpreter() -> Path:
    """Return an interpreter that snapshots are made for; skip the test where there is none."""
    for python in interpreters():
        command = [str(python), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        version = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        if version in SNAPSHOT_VERSIONS:
            return python
    pytest.skip("there is no Python here that snapshots are made for")


@pytest.mark.skipif(shutil.which("gdb") is None, reason="needs gdb")
def test_a_debugger_runs_it(packed: Path) -> None:
    command = ["gdb", "-batch", "-ex", "run", "-ex", "info inferiors", "--args", str(packed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "exited normally" in done.stdout
