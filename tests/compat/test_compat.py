"""Packages of PyPI as one file: the part of tests/compat that fits in CI. `run.py` checks them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from compat import CONSTRAINTS, Package, build, pinned_version, read_packages, run

PACKAGES = read_packages()
QUICK = [package for package in PACKAGES if package.in_ci]


@pytest.mark.parametrize("package", QUICK, ids=lambda package: package.name)
def test_package(package: Package, tmp_path: Path) -> None:
    if package.expected_failure:
        pytest.xfail(package.expected_failure)
    run([build(package, tmp_path)], tmp_path)


def test_every_package_is_pinned_and_has_a_script() -> None:
    assert len(PACKAGES) >= 60
    for package in PACKAGES:
        assert pinned_version(package), package.name
        assert package.purpose, package.name


def test_every_script_belongs_to_a_package() -> None:
    scripts = {package.script for package in PACKAGES}
    assert set((CONSTRAINTS.parent / "scripts").glob("*.py")) == scripts
