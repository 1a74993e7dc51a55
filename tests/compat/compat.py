"""Packages of PyPI, each with a script that uses it: build one into an executable, and run that."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
CONSTRAINTS = HERE / "constraints.txt"
SUCCESS = "as expected"
"""The last line that every script prints."""
SECONDS_TO_RUN = 240

PROJECT = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "check-{slug}"
version = "1.0"
dependencies = {dependencies}

[project.scripts]
check = "{module}:main"
{tables}"""


@dataclass(frozen=True, slots=True)
class Package:
    """One package, and what its check needs."""

    name: str
    requires: tuple[str, ...]
    """Requirements without versions: ``constraints.txt`` pins them, and all that they depend on."""
    in_ci: bool
    expected_failure: str | None
    """Why it does not work, if it does not."""
    snapshot: bool = False
    """Whether it is checked with a snapshot too."""
    optional: tuple[str, ...] = ()
    """Shared libraries that a snapshot goes better without: they are only there to be quicker."""

    @property
    def slug(self) -> str:
        return re.sub(r"\W", "_", self.name.lower())

    @property
    def script(self) -> Path:
        return HERE / "scripts" / f"{self.slug}.py"

    @property
    def purpose(self) -> str:
        """The first line of the script's docstring."""
        return self.script.read_text("utf-8").split('"""')[1].splitlines()[0].rstrip(".")


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one package."""

    package: str
    version: str
    fault: str | None
    """What went wrong, None if nothing did."""
    megabytes: float
    build_seconds: float
    run_seconds: float


def read_packages() -> list[Package]:
    """Return the packages of ``packages.toml``, in its order."""
    tables: Mapping[str, dict[str, object]] = tomllib.loads((HERE / "packages.toml").read_text("utf-8"))
    known = {"requires", "ci", "fails", "snapshot", "optional"}
    packages = []
    for name, table in tables.items():
        if unknown := table.keys() - known:
            raise ValueError(f"packages.toml: {name} has unknown keys: {', '.join(sorted(unknown))}")
        requires = table.get("requires", [name])
        fails = table.get("fails")
        optional = table.get("optional", [])
        assert isinstance(requires, list)
        assert isinstance(optional, list)
        packages.append(
            Package(
                name,
                tuple(requires),
                bool(table.get("ci")),
                None if fails is None else str(fails),
                bool(table.get("snapshot")),
                tuple(optional),
            )
        )
    return packages


def pinned_version(package: Package) -> str:
    """Return the version that ``constraints.txt`` has of the first requirement, for this Python."""
    name = canonicalize_name(Requirement(package.requires[0]).name)
    for line in CONSTRAINTS.read_text("utf-8").splitlines():
        pin = Requirement(line)
        if canonicalize_name(pin.name) == name and (pin.marker is None or pin.marker.evaluate()):
            return str(pin.specifier).removeprefix("==")
    raise ValueError(f"constraints.txt does not pin {name}")


def build(package: Package, folder: Path, write: Callable[[Package, Path], None] | None = None) -> Path:
    """Build the executable of *package* in *folder*, as `oxidize build` does with no configuration.

    *write* writes the project into a folder; :func:`write_project` by default.

    Raises CompatError with the last of what the build says.
    """
    project = folder / "project"
    (write or write_project)(package, project)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {
        "PIP_CONSTRAINT": str(CONSTRAINTS),
        "PYTHONPATH": str(REPOSITORY / "backend"),
    }
    command = [sys.executable, "-m", "oxidize_build", "build", "--no-isolation", "-o", str(folder / "dist")]
    done = subprocess.run(
        [*command, "--project", str(project)], env=environment, capture_output=True, text=True, check=False
    )
    (folder / "build.log").write_text(done.stdout + done.stderr, encoding="utf-8")
    if done.returncode != 0:
        raise CompatError(f"the build failed: {last_lines(done.stderr)}")
    shutil.rmtree(project)
    return folder / "dist" / "check"


def write_project(package: Package, project: Path, module: str | None = None, tables: str = "") -> None:
    """Write a project whose entry point is ``main`` of the package's script, or of another *module*.

    *tables* are added to its pyproject.toml.
    """
    project.mkdir(parents=True)
    script = f"check_{package.slug}"
    shutil.copy(package.script, project / f"{script}.py")
    text = PROJECT.format(
        slug=package.slug,
        dependencies=json.dumps(package.requires),
        module=module or script,
        tables=tables,
    )
    (project / "pyproject.toml").write_text(text, encoding="utf-8")


def run(command: Iterable[str | Path], folder: Path) -> None:
    """Run a script's executable, in an empty directory and with a clean environment.

    Raises CompatError when it does not end as expected.
    """
    scratch, home = folder / "scratch", folder / "home"
    for directory in (scratch, home):
        directory.mkdir()
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8"}
    log = folder / "run.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [os.fspath(part) for part in command],
            cwd=scratch,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            status = process.wait(SECONDS_TO_RUN)
        except subprocess.TimeoutExpired:
            raise CompatError(f"no end after {SECONDS_TO_RUN} seconds: {last_lines(log)}") from None
        finally:
            end_session(process.pid)
    if status != 0:
        raise CompatError(f"exit status {status}: {last_lines(log)}")
    if log.read_text("utf-8", errors="replace").splitlines()[-1:] != [SUCCESS]:
        raise CompatError(f"its last line is not {SUCCESS!r}: {last_lines(log)}")


def end_session(leader: int) -> None:
    """End the process *leader* and what it has left behind in its process group."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def last_lines(text: str | Path, count: int = 12) -> str:
    """Return the last lines of a text, or of a file."""
    whole = text.read_text("utf-8", errors="replace") if isinstance(text, Path) else text
    return "\n".join(whole.splitlines()[-count:])


def check(package: Package, folder: Path) -> Result:
    """Build and run the executable of *package* in *folder*, which is emptied of large files after that."""
    started = time.monotonic()
    built, megabytes, fault = started, 0.0, None
    try:
        executable = build(package, folder)
        built = time.monotonic()
        megabytes = executable.stat().st_size / 1e6
        run([executable], folder)
    except CompatError as error:
        fault = str(error).replace(str(folder), "")
    ended = time.monotonic()
    return Result(
        package.name,
        pinned_version(package),
        fault,
        round(megabytes, 1),
        round(built - started, 1),
        round(ended - built, 1),
    )


class CompatError(Exception):
    """A package that could not be built or does not do what it should."""
