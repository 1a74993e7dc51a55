"""Build sample projects the way a user does, and run the result in a jail."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from oxidize_build.objfile.elf_dynamic import read_dynamic
from oxidize_build.objfile.elf_packed import unpacked_program
from oxidize_build.runtime.extract import extract

REPOSITORY = Path(__file__).parents[2]
PROJECTS = REPOSITORY / "tests" / "projects"
EXAMPLES = REPOSITORY / "examples"
SYSTEM_LIBRARIES = ("ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6")


@dataclass(frozen=True)
class Frontend:
    """A virtual environment in which `build` and oxidize-build are installed side by side."""

    python: Path
    environment: dict[str, str]

    def run(self, *arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run the environment's python and capture what it prints."""
        return subprocess.run(
            [self.python, *arguments],
            cwd=cwd,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def build(self, project: Path, *arguments: str) -> Path:
        """Run `python -m build --executable` in *project* and return its dist folder."""
        result = self.run("-m", "build", "--executable", *arguments, cwd=project)
        assert result.returncode == 0, result.stdout + result.stderr
        return project / "dist"


def interpreters() -> list[Path]:
    """Return the interpreters that executables are built with: the default one first."""
    more = os.environ.get("OXIDIZE_TEST_PYTHONS", "")
    return [Path(sys.executable), *(Path(path) for path in more.split(os.pathsep) if path)]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of a test run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """oxidize-build's own wheel, as it is on no index."""
    folder = tmp_path_factory.mktemp("wheelhouse")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*pip, "-w", str(folder), str(REPOSITORY)], check=True)
    return folder


@pytest.fixture(scope="session")
def make_frontend(
    wheelhouse: Path, shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Path], Frontend]:
    """Make the front end of an interpreter, once for each."""
    made: dict[Path, Frontend] = {}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    find_links = f"{wheelhouse} {os.environ.get('PIP_FIND_LINKS', '')}".strip()
    environment |= {"PIP_FIND_LINKS": find_links, "OXIDIZE_CACHE_DIR": str(shared / "cache")}

    def make(python: Path) -> Frontend:
        if python not in made:
            folder = tmp_path_factory.mktemp("frontend")
            virtualenv = [sys.executable, "-m", "virtualenv", "--quiet", "--python", str(python)]
            subprocess.run([*virtualenv, str(folder)], check=True)
            frontend = Frontend(folder / "bin" / "python", environment)
            packages = ("build", "oxidize-build", "hatchling", "flit-core")
            result = frontend.run("-m", "pip", "install", "--quiet", *packages)
            assert result.returncode == 0, result.stderr
            made[python] = frontend
        return made[python]

    return make


@pytest.fixture(scope="session")
def frontend(make_frontend: Callable[[Path], Frontend]) -> Frontend:
    return make_frontend(Path(sys.executable))


Build = Callable[[Path], Path]


def make_build(frontend: Frontend, factory: pytest.TempPathFactory, settings: str = "") -> Build:
    """Return what builds a project with more *settings*, once, and gives its dist folder."""
    finished: dict[Path, Path] = {}

    def build_once(project: Path) -> Path:
        if project not in finished:
            copy = factory.mktemp(project.name) / project.name
            shutil.copytree(project, copy)
            with (copy / "pyproject.toml").open("a", encoding="utf-8") as file:
                file.write(settings)
            finished[project] = frontend.build(copy, "--no-isolation")
        return finished[project]

    return build_once


@pytest.fixture(scope="session")
def build(frontend: Frontend, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Build a sample project, once, and return its dist folder."""
    return make_build(frontend, tmp_path_factory)


@pytest.fixture(scope="session")
def musl_runtime() -> Path:
    """The archive of a runtime whose executables are fully static."""
    runtime = os.environ.get("OXIDIZE_TEST_MUSL_RUNTIME")
    if not runtime:
        pytest.skip("OXIDIZE_TEST_MUSL_RUNTIME names no runtime for musl")
    return Path(runtime).resolve()


@pytest.fixture(scope="session")
def build_static(frontend: Frontend, tmp_path_factory: pytest.TempPathFactory, musl_runtime: Path) -> Build:
    """Do the same with a runtime whose executables are fully static."""
    settings = f"\n[tool.oxidize]\nruntime = {{path = {json.dumps(str(musl_runtime))}}}\n"
    return make_build(frontend, tmp_path_factory, settings)


@pytest.fixture(scope="session", params=["dynamic", "static"])
def build_either(request: pytest.FixtureRequest) -> Build:
    """Do the same in both forms."""
    found: Build = request.getfixturevalue("build" if request.param == "dynamic" else "build_static")
    return found


@pytest.fixture(scope="session")
def hello(build: Callable[[Path], Path]) -> Path:
    return build(PROJECTS / "hello") / "hello"


@pytest.fixture(scope="session")
def strace() -> str:
    """Path of the program that traces system calls."""
    path = shutil.which("strace")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("CI has to install strace")
        pytest.skip("needs strace")
    return path


Jail = Callable[..., list[str]]


@pytest.fixture
def jail(tmp_path: Path) -> Jail:
    """Give the command that runs an executable where there is nothing but it and libc.

    A read-only root that holds the file and, if it is dynamic, the loader, libc and libm: no /proc, no
    /tmp, no /dev. *libraries* names other parts of libc that are to be there; with *read_only* false
    the root can be written to.
    """
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("chroot and mount need root and util-linux")

    def imprison(
        executable: Path, *arguments: str, libraries: tuple[str, ...] = (), read_only: bool = True
    ) -> list[str]:
        root = tmp_path / "jail"
        root.mkdir(exist_ok=True)
        if (
            read_dynamic(unpacked_program(executable) or executable).interpreter
            and not (root / "lib").is_symlink()
        ):
            (root / "lib64").mkdir(parents=True)
            (root / "lib").symlink_to("lib64")
            for name in (*SYSTEM_LIBRARIES, *libraries):
                shutil.copy(_find_system_library(name), root / "lib64")
        shutil.copy(executable, root / executable.name)
        mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && ' if read_only else ""
        script = f'{mount}exec chroot "$0" "$@"'
        return ["unshare", "--mount", "sh", "-c", script, str(root), f"/{executable.name}", *arguments]

    return imprison


def _find_system_library(name: str) -> Path:
    for folder in ("/lib64", "/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib/x86_64-linux-gnu"):
        if (Path(folder) / name).exists():
            return Path(folder) / name
    raise FileNotFoundError(name)


@pytest.fixture(scope="session")
def built_runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked archive of a runtime that `oxidize runtime build` has made for this machine."""
    archive = os.environ.get("OXIDIZE_TEST_RUNTIME")
    if not archive:
        pytest.skip(
            "OXIDIZE_TEST_RUNTIME names no archive of `oxidize runtime build` (see .ci/build-runtime)"
        )
    folder = tmp_path_factory.mktemp("built-runtime") / "runtime"
    extract(Path(archive), folder)
    return folder / "python"


# --- executables with a snapshot ---------------------------------------------------------------

VERSIONS_WITH_SNAPSHOTS = ("3.12", "3.13")
BUILT, MUSL = "built runtime", "runtime for musl"
"""Runtimes that were built from source: for glibc, and for executables that are fully static."""


def find_interpreter(version: str) -> Path | None:
    """Return an interpreter of that version."""
    for python in interpreters():
        command = [str(python), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        if subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == version:
            return python
    return None


def snapshot_settings(request: pytest.FixtureRequest, runtime: str) -> str:
    """Return settings that ask for a snapshot, with BUILT or MUSL as the *runtime*."""
    path: Path = request.getfixturevalue("built_runtime" if runtime == BUILT else "musl_runtime")
    return f"\n[tool.oxidize]\nsnapshot = true\nruntime = {{path = {json.dumps(str(path))}}}\n"


@pytest.fixture(scope="session", params=[BUILT, MUSL])
def build_with_snapshot(
    request: pytest.FixtureRequest, frontend: Frontend, tmp_path_factory: pytest.TempPathFactory
) -> Build:
    """Build a project with a runtime that was built from source, with a snapshot."""
    return make_build(frontend, tmp_path_factory, snapshot_settings(request, request.param))


@pytest.fixture(scope="session")
def build_with(
    make_frontend: Callable[[Path], Frontend], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Build]:
    """Return what builds a project with a snapshot, of the interpreter of a version."""
    made: dict[str, Build] = {}

    def make(version: str) -> Build:
        if version not in made:
            python = find_interpreter(version)
            if python is None:
                pytest.skip(f"there is no Python {version} here")
            settings = "\n[tool.oxidize]\nsnapshot = true\n"
            made[version] = make_build(make_frontend(python), tmp_path_factory, settings)
        return made[version]

    return make


@pytest.fixture(scope="session", params=["dynamic", "static"])
def build_with_any(
    request: pytest.FixtureRequest,
    frontend: Frontend,
    build_with: Callable[[str], Build],
    tmp_path_factory: pytest.TempPathFactory,
) -> Build:
    """The same for the latest of the versions that are here, and with the runtime for musl."""
    if request.param == "static":
        return make_build(frontend, tmp_path_factory, snapshot_settings(request, MUSL))
    found = [version for version in VERSIONS_WITH_SNAPSHOTS if find_interpreter(version)]
    if not found:
        pytest.skip("there is no Python here that snapshots can be made of")
    return build_with(found[-1])


@pytest.fixture(scope="session", params=[*VERSIONS_WITH_SNAPSHOTS, BUILT, MUSL])
def state(
    request: pytest.FixtureRequest,
    frontend: Frontend,
    build_with: Callable[[str], Build],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The sample project; all of its imports are done where the runtime has no shared libraries."""
    if request.param in VERSIONS_WITH_SNAPSHOTS:
        return build_with(request.param)(PROJECTS / "snapshot") / "state"
    settings = f'{snapshot_settings(request, request.param)}prepare = "state:warm"\n'
    return make_build(frontend, tmp_path_factory, settings)(PROJECTS / "snapshot") / "state"


@pytest.fixture(scope="session")
def any_state(build_with_any: Build) -> Path:
    return build_with_any(PROJECTS / "snapshot") / "state"
