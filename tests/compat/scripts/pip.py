"""A wheel built from a folder, installed elsewhere and listed; its own vendored packages."""

import subprocess
import sys
from pathlib import Path


def pip(*arguments):
    done = subprocess.run([sys.executable, "-m", "pip", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def main():
    assert pip("--version").startswith("pip ")
    assert "check" in pip("list")
    Path("sample").mkdir()
    Path("sample/pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'setuptools.build_meta'\n"
        "[project]\nname = 'sample'\nversion = '3.2'\n[tool.setuptools]\npy-modules = ['sample']\n"
    )
    Path("sample/sample.py").write_text("VALUE = 42\n")
    pip("wheel", "--no-deps", "--no-build-isolation", "-w", "wheels", "./sample")
    pip("install", "--no-deps", "--no-index", "-f", "wheels", "--target", "installed", "sample")
    sys.path.insert(0, "installed")
    import sample

    assert sample.VALUE == 42
    assert "sample" in pip("list", "--path", "installed")
    print("as expected")
