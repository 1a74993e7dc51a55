from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from oxidize_build.policy import LeftOut, Policy, apply_policy
from oxidize_build.policy.defaults import DEFAULTS, Omission
from oxidize_build.resources import Content, DataFile, NamespacePackage, SourceModule
from oxidize_build.runtime.model import Runtime
from oxidize_build.settings.model import Rule

STDLIB = "lib/python3.13"
SITE = f"{STDLIB}/site-packages"
NATIVE = ".cpython-313-x86_64-linux-gnu.so"


def data(path: str, origin: str | None = None) -> DataFile:
    place = "python" if path.startswith(STDLIB) and not path.startswith(SITE) else "demo"
    return DataFile(PurePosixPath(path), Content(b"123"), origin or place)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (f"{STDLIB}/test/test_os.py", "tests of the standard library"),
        (f"{STDLIB}/unittest/test/test_case.py", "tests of the standard library"),
        (f"{STDLIB}/sqlite3/test/dbapi.py", "tests of the standard library"),
        (f"{STDLIB}/lib2to3/tests/data/x.py", "tests of the standard library"),
        (f"{STDLIB}/lib-dynload/_testcapi{NATIVE}", "tests of the standard library"),
        (f"{STDLIB}/lib-dynload/_ctypes_test{NATIVE}", "tests of the standard library"),
        (f"{STDLIB}/lib-dynload/xxlimited_35{NATIVE}", "tests of the standard library"),
        (f"{STDLIB}/ensurepip/_bundled/pip-25.0-py3-none-any.whl", "development tools"),
        (f"{STDLIB}/idlelib/Icons/idle.ico", "development tools"),
        (f"{STDLIB}/tkinter/test/support.py", "tests of the standard library"),
        (f"{STDLIB}/tkinter/__init__.py", "Tk, whose Tcl library is not packed"),
        (f"{STDLIB}/turtle.py", "Tk, whose Tcl library is not packed"),
        (f"{STDLIB}/lib-dynload/_tkinter{NATIVE}", "Tk, whose Tcl library is not packed"),
        (f"{STDLIB}/lib-dynload/nis{NATIVE}", "NIS, which needs libtirpc"),
        (f"{STDLIB}/distutils/command/wininst-9.0.exe", "Windows launchers"),
        (f"{SITE}/pip/_vendor/distlib/t64.exe", "Windows launchers"),
        (f"{SITE}/setuptools/cli-64.exe", "Windows launchers"),
        (f"{SITE}/a/__pycache__/b.cpython-313.pyc", "bytecode caches"),
        (f"{SITE}/a/b.pyc", "bytecode caches"),
        ("c.pyc", "bytecode caches"),
        (f"{SITE}/a/lib/liba.a", "static archives"),
        ("include/site/python3.13/a/a.h", "C headers"),
        (f"{SITE}/a/include/deep/a.hpp", "C headers"),
        (f"{STDLIB}/somewhere/a.h", "C headers"),
        (f"{SITE}/a/b.pyi", "type stubs"),
    ],
)
def test_left_out(path: str, reason: str, toy_runtime: Runtime) -> None:
    result = apply_policy([data(path)], toy_runtime)
    assert result.kept == ()
    assert result.left_out == (LeftOut(reason, 1, 3),)


@pytest.mark.parametrize(
    "path",
    [
        f"{STDLIB}/unittest/case.py",
        f"{STDLIB}/unittest/__init__.py",
        f"{STDLIB}/testing.py",
        f"{STDLIB}/doctest.py",
        f"{STDLIB}/sqlite3/dump.py",
        f"{STDLIB}/lib-dynload/_sqlite3{NATIVE}",
        f"{STDLIB}/lib-dynload/_xxsubinterpreters{NATIVE}",
        f"{STDLIB}/LICENSE.txt",
        f"{SITE}/test/__init__.py",
        f"{SITE}/a/tests/test_a.py",
        f"{SITE}/tkinter/__init__.py",
        f"{SITE}/turtle.py",
        f"{SITE}/a/py.typed",
        f"{SITE}/a/__init__.pyi",
        f"{SITE}/mypy/typeshed/stdlib/abc.pyi",
        f"{SITE}/a/a.h",
        f"{SITE}/a/templates/a.exe",
        f"{SITE}/a/wheels/b.whl",
        f"{SITE}/include.py",
        "share/a.alias",
    ],
)
def test_packed(path: str, toy_runtime: Runtime) -> None:
    result = apply_policy([data(path)], toy_runtime)
    assert [str(resource.path) for resource in result.kept] == [path]
    assert result.left_out == ()


def test_only_the_runtimes_own_files_are_the_standard_library(toy_runtime: Runtime) -> None:
    assert apply_policy([data(f"{STDLIB}/test/data.txt", origin="demo")], toy_runtime).left_out == ()


def test_order_is_kept_and_reasons_are_counted(toy_runtime: Runtime) -> None:
    paths = [f"{SITE}/z.py", f"{SITE}/b.pyi", f"{SITE}/x.a", f"{SITE}/a.pyi", f"{SITE}/a.py"]
    result = apply_policy(map(data, paths), toy_runtime)
    assert [str(resource.path) for resource in result.kept] == [paths[0], paths[-1]]
    assert result.left_out == (LeftOut("type stubs", 2, 6), LeftOut("static archives", 1, 3))


def test_a_namespace_package_goes_with_its_last_module(toy_runtime: Runtime) -> None:
    def module(path: str) -> SourceModule:
        name = path.removesuffix(".py").replace("/", ".")
        return SourceModule(
            name, is_package=False, path=PurePosixPath(path), content=Content(b"123"), origin="demo"
        )

    empty = NamespacePackage("gone", PurePosixPath("gone"), "demo")
    full = NamespacePackage("kept", PurePosixPath("kept"), "demo")
    outer = NamespacePackage("kept.deep", PurePosixPath("kept/deep"), "demo")
    leaf = module("kept/deep/a.py")
    policy = Policy(rules=(Rule(files=("gone/*.py",), include=False),))
    result = apply_policy([empty, module("gone/a.py"), full, outer, leaf], toy_runtime, policy)
    assert result.kept == (full, outer, leaf)
    assert [(left.reason, left.count) for left in result.left_out] == [
        ("rule 1 of tool.oxidize.rules", 1),
        ("namespace packages whose modules are left out", 1),
    ]


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("a", "a", True),
        ("a", "a/b/c", True),
        ("a", "ab", False),
        ("a", "b/a", False),
        ("*.py", "a.py", True),
        ("*.py", "a/b.py", False),
        ("**/*.py", "b.py", True),
        ("**/*.py", "a/b/c.py", True),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a?", "ab", True),
        ("a?", "a/", False),
        ("a.b", "axb", False),
    ],
)
def test_patterns(pattern: str, path: str, matches: bool) -> None:
    assert Omission("because", (pattern,)).applies_to(data(path)) is matches


def test_every_rule_is_used() -> None:
    """A rule that is the copy of an earlier one would never apply."""
    assert len({(rule.patterns, rule.is_stdlib) for rule in DEFAULTS}) == len(DEFAULTS)
