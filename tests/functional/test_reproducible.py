"""Who builds, where and when does not show; and what is packed does not cost anything until it is used."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from making import names, write_files, write_project

from conftest import EXAMPLES, Frontend
from oxidize_build.runtime.model import Runtime

pytestmark = pytest.mark.slow

NOBODY = 65534
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
MAY_READ = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override")
"""The interpreter, and the tests' own directories, may be root's alone."""


@dataclass(frozen=True)
class Builder:
    """Somebody who builds, on a machine of their own."""

    name: str
    place: Path
    umask: int
    modified: int
    """Time of modification of all source files, in seconds since 1970."""
    environment: dict[str, str]
    prefix: tuple[str, ...] = ()

    def build(self, project: Path, frontend: Frontend) -> Path:
        """Return dist/ of a copy of *project*."""
        copy = shutil.copytree(project, self.place / self.name / "sources")
        home, temporary = self.place / "home", self.place / "temporary"
        for folder in (home, temporary):
            folder.mkdir()
        for path in [copy, *copy.rglob("*")]:
            os.utime(path, (self.modified, self.modified))
        for path in [self.place, *self.place.rglob("*")] if self.prefix else []:
            os.chown(path, NOBODY, NOBODY)
        own = {"HOME": str(home), "TMPDIR": str(temporary), "USER": self.name, "LOGNAME": self.name}
        subprocess.run(
            [*self.prefix, frontend.python, "-m", "build", "--no-isolation", "--executable"],
            cwd=copy,
            env={**frontend.environment, **own, "OXIDIZE_CACHE_DIR": str(home / "cache"), **self.environment},
            umask=self.umask,
            check=True,
        )
        return copy / "dist"


def other_user() -> tuple[str, ...]:
    """Return the prefix of a command that runs as another user; nothing where that is not possible."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        if os.environ.get("CI"):
            pytest.fail("CI has to run as root, with util-linux")
        return ()
    return (*AS_NOBODY, *MAY_READ)


@pytest.fixture(scope="module")
def builders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Builder, Builder]:
    first = Builder(
        name="oxbuilder-one",
        place=tmp_path_factory.mktemp("oxplace-one"),
        umask=0o022,
        modified=1_000_000_000,
        environment={"LANG": "C", "TZ": "UTC", "PYTHONHASHSEED": "1"},
    )
    second = Builder(
        name="oxbuilder-two",
        place=tmp_path_factory.mktemp("oxplace-two-with-a-longer-name"),
        umask=0o077,
        modified=1_700_000_001,
        environment={"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo", "COLUMNS": "40"},
        prefix=other_user(),
    )
    return first, second


@pytest.fixture(scope="module")
def twins(
    builders: tuple[Builder, Builder], frontend: Frontend, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """One application with dependencies and one of every kind of program, from two builders."""
    project = shutil.copytree(EXAMPLES / "greeter", tmp_path_factory.mktemp("project") / "greeter")
    write_files(project, {"script.py": "print('script')\n"})
    with (project / "pyproject.toml").open("a") as file:
        file.write(
            '[tool.oxidize.executables.script]\nscript = "script.py"\n'
            '[tool.oxidize.executables.command]\ncommand = "print(1)"\n'
            '[tool.oxidize.executables.module]\nmodule = "flask"\n'
        )
    first, second = (builder.build(project, frontend) for builder in builders)
    return first, second


def test_identical_bytes(twins: tuple[Path, Path]) -> None:
    first, second = twins
    if os.geteuid() == 0:
        assert [folder.stat().st_uid for folder in twins] == [0, NOBODY]
    found = sorted(path.name for path in first.iterdir())
    assert names(first) == ["command", "greeter", "module", "script"]
    assert found == sorted(path.name for path in second.iterdir())
    for name in found:
        assert (first / name).read_bytes() == (second / name).read_bytes(), f"{first / name} {second / name}"


def test_nothing_of_the_machine(
    twins: tuple[Path, Path], builders: tuple[Builder, Builder], frontend: Frontend, runtime: Runtime
) -> None:
    """No name or path of who built it, of the environment, or of the interpreter's installation."""
    traces = {builder.name for builder in builders} | {builder.place.name for builder in builders}
    traces |= {str(frontend.python.parents[1]), *runtime.build_paths, "OXIDIZE_CACHE_DIR", ".oxidize-"}
    for folder in twins:
        for executable in folder.iterdir():
            content = executable.read_bytes()
            assert [trace for trace in traces if trace.encode() in content] == []


# --- start-up -----------------------------------------------------------------------------------


def instructions(executable: Path) -> int:
    """Return how many instructions it takes to run, on average: addresses are random."""
    counts = []
    for _ in range(3):
        valgrind = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
        done = subprocess.run([*valgrind, executable], capture_output=True, text=True, check=True)
        assert done.stdout == "hello\n"
        collected = re.search(r"Collected : (\d+)", done.stderr)
        assert collected is not None, done.stderr
        counts.append(int(collected[1]))
    return sum(counts) // len(counts)


def test_start_up_does_not_grow_with_what_is_packed(
    frontend: Frontend, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    if shutil.which("valgrind") is None:
        if os.environ.get("CI"):
            pytest.fail("CI has to install valgrind")
        pytest.skip("needs valgrind")
    packages = '[tool.oxidize]\nwheel-backend = "hatchling.build"\n[tool.hatch.build.targets.wheel]\n'
    small = write_project(tmp_path / "small", tables=packages + 'include = ["app.py"]\n')
    large = write_project(tmp_path / "large", tables=packages + 'include = ["app.py", "many"]\n')
    write_files(large, {f"many/package_{i // 100}/module_{i}.py": f"VALUE = {i}\n" for i in range(10_000)})
    without, packed = (frontend.build(project, "--no-isolation") / "app" for project in (small, large))
    assert packed.stat().st_size > without.stat().st_size + 1_000_000
    few, many = instructions(without), instructions(packed)
    record_property("instructions", (few, many))
    print(f"\n{few} instructions without, {many} with 10,000 modules more", file=sys.stderr)  # noqa: T201 - for who looks
    assert many < few * 1.02
