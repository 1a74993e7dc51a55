"""A wheel of a Poetry project, and its licence data."""

import zipfile
from pathlib import Path

from poetry.core.factory import Factory
from poetry.core.masonry import api
from poetry.core.spdx.helpers import license_by_id


def main():
    Path("pkg").mkdir()
    Path("pkg/__init__.py").write_text("")
    Path("README.md").write_text("# pkg")
    Path("pyproject.toml").write_text(
        '[project]\nname = "pkg"\nversion = "1.0"\ndescription = "d"\nlicense = "MIT"\nreadme = "README.md"\n'
        'dependencies = ["requests (>=2.0,<3.0)"]\n'
    )
    Path("dist").mkdir()
    wheel = zipfile.ZipFile(Path("dist", api.build_wheel("dist")))
    assert b"Requires-Dist: requests (>=2.0,<3.0)" in wheel.read("pkg-1.0.dist-info/METADATA")
    assert license_by_id("Apache-2.0").is_osi_approved
    assert Factory().create_poetry(Path.cwd()).package.name == "pkg"
    print("as expected")
