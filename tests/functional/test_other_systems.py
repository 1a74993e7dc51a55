"""Executables of a runtime for an old glibc, on a system that is older than this one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from making import write_project

from conftest import Frontend

pytestmark = pytest.mark.slow

WITH_CRYPTOGRAPHY = """
import ctypes, json, multiprocessing, sqlite3, ssl, threading

from cryptography.fernet import Fernet


def square(number):
    return number * number


def main():
    results = {"C": ctypes.CDLL(None).abs(-5)}
    results["roots"] = ssl.create_default_context().cert_store_stats()["x509"] > 9

    def keep_secret():
        box = Fernet(Fernet.generate_key())
        results["decrypted"] = box.decrypt(box.encrypt(b"secret")).decode()

    thread = threading.Thread(target=keep_secret)
    thread.start()
    thread.join()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        results["squares"] = pool.map(square, range(4))
    results["sqlite"] = sqlite3.connect(":memory:").execute("select 6 * 7").fetchone()
    print(json.dumps(results))
"""
WITH_NUMPY = """
import json, numpy

def main():
    print(json.dumps({"determinant": round(numpy.linalg.det(numpy.eye(3) * 2))}))
"""
APPLICATIONS = {
    "2.17": (
        ("cryptography", WITH_CRYPTOGRAPHY),
        {"C": 5, "decrypted": "secret", "roots": True, "sqlite": [42], "squares": [0, 1, 4, 9]},
    ),
    "2.28": (("numpy", WITH_NUMPY), {"determinant": 8}),
}
"""By the glibc that their wheels need: manylinux2014 and manylinux_2_28."""


@pytest.fixture
def root() -> Path:
    """The root directory of another system."""
    directory = os.environ.get("OXIDIZE_TEST_ROOT")
    if not directory:
        pytest.skip("OXIDIZE_TEST_ROOT names no root directory of an older system (see .ci/make-root)")
    return Path(directory)


@pytest.mark.parametrize("glibc", APPLICATIONS)
def test_it_runs_on_an_older_system(
    glibc: str, root: Path, frontend: Frontend, built_runtime: Path, tmp_path: Path
) -> None:
    (dependency, code), expected = APPLICATIONS[glibc]
    target = f"runtime = {{path = {json.dumps(str(built_runtime))}}}\nglibc = '{glibc}'\n"
    project = write_project(
        tmp_path / "app",
        code=code,
        metadata=f"dependencies = [{dependency!r}]",
        tables=f"[tool.oxidize.targets.portable]\n{target}",
    )
    executable = frontend.build(project, "--no-isolation") / "app"
    with tempfile.TemporaryDirectory(dir=root) as directory:
        shutil.copy(executable, directory)
        command = [
            shutil.which("chroot") or "chroot",
            str(root),
            f"/{Path(directory).name}/{executable.name}",
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env={}, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == expected
