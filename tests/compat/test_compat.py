"""Packages of PyPI as one file: the part of tests/compat that fits in CI. `run.py` checks them all."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from snapshots import MARK, NOT_USED, VARIANTS, check_snapshot, compare, numberless, read_ending

from compat import CONSTRAINTS, Package, build, pinned_version, read_packages, run

PACKAGES = read_packages()
QUICK = [package for package in PACKAGES if package.in_ci]


@pytest.mark.parametrize("package", QUICK, ids=lambda package: package.name)
def test_package(package: Package, tmp_path: Path) -> None:
    if package.expected_failure:
        pytest.xfail(package.expected_failure)
    run([build(package, tmp_path)], tmp_path)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there are no snapshots of this Python")
@pytest.mark.parametrize(
    "package", [package for package in QUICK if package.snapshot], ids=lambda package: package.name
)
def test_with_a_snapshot_a_package_does_the_same(package: Package, tmp_path: Path) -> None:
    outcome = check_snapshot(package, tmp_path)
    assert outcome.fault is None
    assert outcome.differing == {}
    assert len(outcome.same) == len(VARIANTS)
    assert outcome.modules > 0


def test_what_a_process_has_written_is_taken_apart() -> None:
    told = f'a line at 0x7f0011223344\nx: {NOT_USED}: why\n{MARK}{{"user": [0, 0], "files": {{"a": "b"}}}}\n'
    ending = read_ending(0, told)
    assert (ending.output, ending.used) == ("a line at 0x", False)
    assert compare(ending, ending) == ""
    assert compare(ending, replace(ending, status=1)).startswith("status 1, not 0")
    assert compare(ending, replace(ending, output="other")).endswith("a line at 0x")
    assert "user" in compare(ending, replace(ending, told={**ending.told, "user": [1, 1]}))
    assert compare(ending, replace(ending, told={**ending.told, "files": {"a": "c"}})).startswith("files")
    assert compare(ending, replace(ending, told={**ending.told, "files": {"other": "c"}})) == ""


def test_numbers_that_vary_can_be_left_out() -> None:
    ending = read_ending(0, "served 3 pages in 0.25 s\n")
    assert numberless(ending).output == "served 0 pages in 0 s"
    assert compare(numberless(ending), numberless(replace(ending, output="served 4 pages in 1 s"))) == ""
    assert compare(numberless(ending), numberless(replace(ending, output="served 4 lines in 1 s")))


def test_at_least_forty_packages_are_checked_with_a_snapshot() -> None:
    assert sum(package.snapshot for package in PACKAGES) >= 40


def test_every_package_is_pinned_and_has_a_script() -> None:
    assert len(PACKAGES) >= 60
    for package in PACKAGES:
        assert pinned_version(package), package.name
        assert package.purpose, package.name


def test_every_script_belongs_to_a_package() -> None:
    scripts = {package.script for package in PACKAGES}
    assert set((CONSTRAINTS.parent / "scripts").glob("*.py")) == scripts
