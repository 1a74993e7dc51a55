"""Builds that cannot succeed: what is said, and that nothing has changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import pytest
from making import picture, write_project

from conftest import Frontend

pytestmark = pytest.mark.slow
MakeWheel = Callable[..., Path]

CONTRACT = ("--wheel", "--no-isolation", "-C", "oxidize.executable=all")
FLAG = ("--no-isolation", "--executable")


class Attempt(Protocol):
    def __call__(
        self,
        project: Path,
        *,
        prefix: tuple[str | Path, ...] = (),
        python: Path | None = None,
        environment: Mapping[str, str] = {},
    ) -> str: ...


@pytest.fixture(params=[CONTRACT, FLAG], ids=["contract", "flag"])
def arguments(request: pytest.FixtureRequest) -> tuple[str, ...]:
    value: tuple[str, ...] = request.param
    return value


@pytest.fixture
def attempt(frontend: Frontend, arguments: tuple[str, ...], tmp_path: Path) -> Attempt:
    """Build what cannot be built, check that nothing has changed, and return what was said."""

    def build(
        project: Path,
        *,
        prefix: tuple[str | Path, ...] = (),
        python: Path | None = None,
        environment: Mapping[str, str] = {},
    ) -> str:
        temporary = tmp_path / "temporary"
        temporary.mkdir()
        before = fill(project / "dist")
        command = [*prefix, python or frontend.python, "-m", "build", *arguments]
        done = subprocess.run(
            command,
            cwd=project,
            env={**frontend.environment, "TMPDIR": str(temporary), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode != 0, done
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        assert done.stderr.count("error: ") == 1, done.stderr
        assert picture(project / "dist") == before
        assert list(temporary.iterdir()) == []
        return done.stderr

    return build


def fill(dist: Path) -> dict[str, tuple[int, int, bytes]]:
    """Put files of an earlier build into *dist*."""
    if not dist.exists():
        dist.mkdir()
        for name in ("app", "app-1.0-py3-none-any.whl", "notes"):
            (dist / name).write_text("from before")
    return picture(dist)


def without_static_library(folder: Path) -> Path:
    """Install the running interpreter once more, without its static library; return the new one."""
    prefix, version = Path(sys.base_prefix), f"python{sys.version_info[0]}.{sys.version_info[1]}"
    stdlib = Path(sysconfig.get_path("stdlib", vars={"installed_base": str(prefix)}))
    copy = folder / "lib" / version
    copy.mkdir(parents=True)
    (folder / "bin").mkdir()
    shutil.copy(Path(sys.executable).resolve(), folder / "bin" / version)
    for path in stdlib.iterdir():
        if path.name.startswith("_sysconfigdata"):
            text = path.read_text(encoding="utf-8").replace(f"{prefix}/", f"{folder}/")
            (copy / path.name).write_text(text, encoding="utf-8")
        elif not path.name.startswith(("config-", "__pycache__", "site-packages")):
            (copy / path.name).symlink_to(path)
    return folder / "bin" / version


@pytest.mark.parametrize("arguments", [CONTRACT], ids=["contract"], indirect=True)
def test_no_static_library(attempt: Attempt, frontend: Frontend, tmp_path: Path) -> None:
    python = without_static_library(tmp_path / "without")
    site = frontend.run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip()
    said = attempt(write_project(tmp_path / "project"), python=python, environment={"PYTHONPATH": site})
    assert f"error: {python} has no static library: libpython3." in said
    assert f"is in none of {tmp_path / 'without'}" in said
    assert "hint: on Debian and Ubuntu install libpython3." in said


def test_no_compiler(attempt: Attempt, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    environment = {"PATH": str(tmp_path / "bin"), "CC": ""}
    said = attempt(write_project(tmp_path / "project"), environment=environment)
    assert "error: no C compiler was found: tried $CC (not set), cc, gcc, clang, and zig" in said
    assert "hint: install one (on Debian and Ubuntu: apt install gcc), or put oxidize-build[zig]" in said


def test_a_compiler_that_does_not_exist(attempt: Attempt, tmp_path: Path) -> None:
    said = attempt(write_project(tmp_path / "project"), environment={"CC": "no-such-compiler -m64"})
    assert "error: the environment variable CC names no-such-compiler -m64, which does not exist" in said


def test_unknown_setting(attempt: Attempt, tmp_path: Path) -> None:
    tables = '[tool.oxidize]\nwheel-backnd = "x"\n[tool.oxidize.executables.app]\nextra = ["y"]\n'
    said = attempt(write_project(tmp_path / "project", tables=tables))
    assert "tool.oxidize.wheel-backnd" in said
    assert "did you mean 'wheel-backend'?" in said
    assert "tool.oxidize.executables.app.extra" in said


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("ap:main", "error: executable app: there is no module ap\n  hint: did you mean app?"),
        ("app:mian", "error: executable app: module app defines no mian\n  hint: did you mean app:main?"),
        ("app:Tool.main", "error: executable app: module app defines no Tool\n"),
    ],
)
def test_entry_point_that_does_not_exist(
    attempt: Attempt, tmp_path: Path, reference: str, message: str
) -> None:
    metadata = f'[project.scripts]\napp = "{reference}"\n'
    assert message in attempt(write_project(tmp_path / "project", metadata=metadata))


@pytest.mark.parametrize(
    ("tables", "place"),
    [
        ('[tool.oxidize.executables.app]\ncommand = "print(1"\n', "bin/app"),
        ('[tool.oxidize.executables.app]\nscript = "tools.py"\n', "bin/tools.py"),
    ],
)
def test_main_program_that_does_not_compile(
    attempt: Attempt, tmp_path: Path, tables: str, place: str
) -> None:
    project = write_project(tmp_path / "project", metadata="[project.scripts]\n", tables=tables)
    (project / "tools.py").write_text("print(1\n")
    said = attempt(project)
    assert f"error: {place} does not compile for Python " in said
    assert "'(' was never closed" in said


def test_one_of_several_fails(attempt: Attempt, tmp_path: Path) -> None:
    """The first ones are finished by then, but not delivered."""
    metadata = '[project.scripts]\napp = "app:main"\nlast = "app:missing"\n'
    said = attempt(write_project(tmp_path / "project", metadata=metadata))
    assert "error: executable last: module app defines no missing" in said


def test_unresolvable_dependency(attempt: Attempt, tmp_path: Path) -> None:
    project = write_project(tmp_path / "project", metadata='dependencies = ["oxidize-nothing==1.7"]')
    said = attempt(project, environment={"PIP_NO_INDEX": "1"})
    assert "error: app's dependency oxidize-nothing==1.7 cannot be provided:" in said
    assert "hint: check its name and version" in said


def test_a_wheel_that_is_not_what_its_record_says(
    attempt: Attempt, make_wheel: MakeWheel, tmp_path: Path
) -> None:
    links = tmp_path / "links"
    sound = make_wheel("oxplain", folder=tmp_path / "sound")
    links.mkdir()
    with zipfile.ZipFile(sound) as old, zipfile.ZipFile(links / sound.name, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"VALUE = 1", b"VALUE = 2"))
    project = write_project(tmp_path / "project", metadata='dependencies = ["oxplain"]')
    said = attempt(project, environment={"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(links)})
    assert "error: the wheel oxplain-1.0-py3-none-any.whl cannot be used:\n  - oxplain.py: sha256 is" in said
    assert "hint: the file is damaged" in said


def test_dist_has_a_directory_of_that_name(attempt: Attempt, tmp_path: Path) -> None:
    project = write_project(tmp_path / "project")
    (project / "dist" / "app" / "within").mkdir(parents=True)
    said = attempt(project)
    assert f"error: cannot write {project / 'dist' / 'app'}: it is a directory\n  hint: remove it" in said


@pytest.mark.parametrize("arguments", [(*FLAG, "--wheel")], ids=["flag and wheel"], indirect=True)
def test_dist_has_a_directory_of_the_wheel_s_name(attempt: Attempt, tmp_path: Path) -> None:
    """The executable, which comes first, is not delivered alone."""
    project = write_project(tmp_path / "project")
    wheel = project / "dist" / "app-1.0-py3-none-any.whl"
    (wheel / "within").mkdir(parents=True)
    assert f"error: cannot write {wheel}: it is a directory" in attempt(project)


# --- places that cannot be written ------------------------------------------------------------


def mounting(script: str, *words: str | Path) -> tuple[str | Path, ...]:
    """Return a command's prefix: it runs after *script*, in name spaces of its own, if that succeeds."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        if os.environ.get("CI"):
            pytest.fail("CI has to run as root, with util-linux")
        pytest.skip("mounting needs root and util-linux")
    shift = f'shift {len(words)} && exec "$@"'
    return ("unshare", "--mount", "sh", "-ec", f"{script}\n{shift}", "sh", *words)


def test_dist_is_read_only(attempt: Attempt, tmp_path: Path) -> None:
    project = write_project(tmp_path / "project")
    fill(project / "dist")
    script = 'mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"'
    said = attempt(project, prefix=mounting(script, project / "dist"))
    assert f"error: cannot write to {project / 'dist'}: Read-only file system" in said
    assert "hint: choose another directory with --outdir" in said


@pytest.mark.parametrize("arguments", [FLAG], ids=["flag"], indirect=True)
def test_dist_is_a_file(frontend: Frontend, arguments: tuple[str, ...], tmp_path: Path) -> None:
    project = write_project(tmp_path / "project")
    (project / "dist").write_text("from before")
    result = frontend.run("-m", "build", *arguments, cwd=project)
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert f"error: cannot write to {project / 'dist'}: File exists" in result.stderr
    assert (project / "dist").read_text() == "from before"


def test_the_disk_of_dist_is_full(attempt: Attempt, tmp_path: Path) -> None:
    project = write_project(tmp_path / "project")
    dist, listing = project / "dist", tmp_path / "listing"
    dist.mkdir()
    script = (
        'mount -t tmpfs -o size=20m tmpfs "$1"; echo before >"$1/app"; listing=$2; shift 2; status=0\n'
        '"$@" || status=$?; ls -A dist >"$listing"; cat dist/app >>"$listing"; exit $status'
    )
    said = attempt(project, prefix=mounting(script, dist, listing))
    assert f"error: cannot write to {dist}" in said
    assert ": No space left on device" in said
    assert "hint: free some space there" in said
    assert listing.read_text() == "app\nbefore\n"


@pytest.mark.parametrize("size", ["100k", "4m", "12m"])
def test_the_disk_of_the_cache_is_full(attempt: Attempt, tmp_path: Path, size: str) -> None:
    """It fills up with small files, with the stub, or with bytecode."""
    cache = tmp_path / "cache"
    cache.mkdir()
    script = f'mount -t tmpfs -o size={size} tmpfs "$1"'
    prefix = mounting(script, cache)
    said = attempt(
        write_project(tmp_path / "project"), prefix=prefix, environment={"OXIDIZE_CACHE_DIR": str(cache)}
    )
    assert "No space left on device" in said
    assert "hint: set OXIDIZE_CACHE_DIR to a directory that can be written and has space" in said
