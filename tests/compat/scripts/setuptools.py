"""A wheel and an sdist of a project, by its own backend."""

import os
import tarfile
import zipfile
from pathlib import Path

from setuptools import build_meta


def main():
    Path("pkg").mkdir()
    Path("pkg/__init__.py").write_text("VALUE = 1\n")
    Path("pkg/data.txt").write_text("data")
    Path("pyproject.toml").write_text(
        "[project]\nname = 'pkg'\nversion = '1.2'\n[project.scripts]\nrun = 'pkg:main'\n"
        "[tool.setuptools.package-data]\npkg = ['*.txt']\n"
    )
    os.makedirs("dist")
    names = zipfile.ZipFile(Path("dist", build_meta.build_wheel("dist"))).namelist()
    assert {"pkg/__init__.py", "pkg/data.txt", "pkg-1.2.dist-info/entry_points.txt"} <= set(names), names
    assert "pkg-1.2/PKG-INFO" in tarfile.open(Path("dist", build_meta.build_sdist("dist"))).getnames()
    print("as expected")
