"""From nothing to a program that runs: ``oxidize init`` and ``oxidize run``."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from making import write_project

from conftest import Frontend

pytestmark = pytest.mark.slow

ENDINGS = """
import os, signal, sys

def main():
    if sys.argv[1] == "signal":
        os.kill(os.getpid(), signal.SIGTERM)
    print(*sys.argv[1:], sep="|")
    sys.exit(3)
"""


def oxidize(frontend: Frontend, *arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return frontend.run("-m", "oxidize_build", *arguments, cwd=cwd)


@pytest.mark.parametrize(
    ("requirement", "code", "source", "told"),
    [
        ("pyflakes==3.2.0", "from pyflakes.api import main; main()", "import os\n", "imported but unused"),
        ("black==24.10.0", "from black import patched_main; patched_main()", "x  =  1\n", "reformatted"),
    ],
    ids=["pyflakes", "black"],
)
def test_a_packaged_tool_in_two_commands(
    requirement: str, code: str, source: str, told: str, frontend: Frontend, tmp_path: Path
) -> None:
    made = oxidize(
        frontend, "init", "--pip-install", requirement, "--python-code", code, "demo", cwd=tmp_path
    )
    assert (made.returncode, made.stdout) == (0, "demo/pyproject.toml\n"), made.stderr
    file = tmp_path / "file.py"
    file.write_text(source)
    done = oxidize(frontend, "run", "--", str(file), cwd=tmp_path / "demo")
    assert told in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_run_is_quiet_and_ends_as_the_program_does(frontend: Frontend, tmp_path: Path) -> None:
    project = write_project(tmp_path / "app", code=ENDINGS)
    first = oxidize(frontend, "run", "app", "--", "--help", "", "--", "a b", cwd=project)
    assert (first.returncode, first.stdout) == (3, "--help||--|a b\n"), first.stderr
    assert set(first.stderr.splitlines()) <= {"building app ..."}
    built = (project / "dist" / "app").stat()
    second = oxidize(frontend, "run", "--project", project, "--", "signal", cwd=tmp_path)
    assert second.returncode == -signal.SIGTERM
    assert second.stderr == ""
    again = (project / "dist" / "app").stat()
    assert (again.st_ino, again.st_mtime_ns) == (built.st_ino, built.st_mtime_ns)
    (project / "app.py").write_text(ENDINGS.replace("exit(3)", "exit(4)"))
    assert oxidize(frontend, "run", "--", "x", cwd=project).returncode == 4


def test_a_failing_build_is_told(frontend: Frontend, tmp_path: Path) -> None:
    project = write_project(tmp_path / "app", metadata='[project.scripts]\napp = "app:mian"\n')
    done = oxidize(frontend, "run", cwd=project)
    assert done.returncode == 78
    assert "did you mean app:main?" in done.stderr
    assert done.stdout == ""


def test_ctrl_c_during_a_build(frontend: Frontend, tmp_path: Path) -> None:
    """The terminal sends SIGINT to the whole foreground process group."""
    project = write_project(tmp_path / "app")
    with subprocess.Popen(
        [frontend.python, "-m", "oxidize_build", "build"],
        cwd=project,
        env=frontend.environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # What a shell starts in the background, as perhaps these tests, ignores SIGINT
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - there are no threads
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()  # the backend has begun
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert out == ""
    assert err.splitlines()[-1] == "interrupted"
    assert not (project / "dist").exists()
