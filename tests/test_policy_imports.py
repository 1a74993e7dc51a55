from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from oxidize_build.collect import collect_stdlib
from oxidize_build.policy import Policy, apply_policy
from oxidize_build.policy.imports import find_imports
from oxidize_build.resources import Content, DataFile, ExtensionModule, Resource, SourceModule
from oxidize_build.runtime.model import Runtime
from oxidize_build.settings.model import Rule

SITE = PurePosixPath("lib/python3.13/site-packages")


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import a.b, c as d", {"a.b", "c"}),
        ("from a import b, c", {"a", "a.b", "a.c"}),
        ("from a import *", {"a"}),
        ("from . import b", {"top.pkg", "top.pkg.b"}),
        ("from .a import b", {"top.pkg.a", "top.pkg.a.b"}),
        ("from .. import b", {"top", "top.b"}),
        ("from .... import b", set()),
        ("def f():\n    import a", {"a"}),
        ("try:\n    import a\nexcept ImportError:\n    import b", {"a", "b"}),
        ("if __name__ == '__main__':\n    import a\nelse:\n    import b", {"b"}),
        ("def main():\n    import a", set()),
    ],
)
def test_imports(source: str, names: set[str]) -> None:
    found = find_imports(source.encode(), "top.pkg.mod", is_package=False, without=["main"])
    assert found.names == names


def test_relative_imports_of_a_package() -> None:
    assert find_imports(b"from . import b", "top.pkg", is_package=True).names == {"top.pkg", "top.pkg.b"}


def test_strings_and_dynamic_imports() -> None:
    found = find_imports(b"x = ['a.b', 'c:d', 'no name', '1']", "m", is_package=False)
    assert found.texts == {"a.b", "c"}
    assert not found.is_dynamic
    assert find_imports(b"importlib.import_module(x)", "m", is_package=False).is_dynamic


def test_every_word_of_a_source_that_cannot_be_parsed() -> None:
    found = find_imports(b"import a.b\nprint 'of Python 2'", "m", is_package=False)
    assert found.is_dynamic
    assert {"a.b", "Python"} <= found.texts


# --- tests of packages ----------------------------------------------------------------------


def module(name: str, source: str = "", *, package: bool = False) -> SourceModule:
    path = SITE / name.replace(".", "/")
    path = path / "__init__.py" if package else path.with_suffix(".py")
    return SourceModule(name, package, path, Content(source.encode()), "shop")


TESTS: tuple[Resource, ...] = (
    module("shop.tests", package=True),
    module("shop.tests.test_till", "import shop.inner.tests"),
    DataFile(SITE / "shop/tests/data/prices.json", Content(b""), "shop"),
    module("shop.inner", package=True),
    module("shop.inner.tests", package=True),
    module("shop.inner.tests.tests", package=True),
    DataFile(SITE / "shop/static/test/logo.png", Content(b""), "shop"),
)


def kept_tests(runtime: Runtime, *others: Resource, policy: Policy | None = None) -> set[str]:
    result = apply_policy([*TESTS, *others], runtime, policy or Policy())
    kept = {str(resource.path.relative_to(SITE)) for resource in result.kept if resource in TESTS}
    assert "shop/static/test/logo.png" in kept, "a directory without modules is no package of tests"
    return {name for name in kept if "tests" in name}


def test_tests_of_packages_are_left_out(toy_runtime: Runtime) -> None:
    result = apply_policy([*TESTS, module("shop", "# the latest tests\nimport os")], toy_runtime)
    assert [(left.reason, left.count) for left in result.left_out] == [("tests of packages", 5)]


@pytest.mark.parametrize(
    "source",
    [
        "def run():\n    from shop.tests import main",
        "from . import tests",
        "import shop.tests.test_till",
        "PLUGINS = 'shop.tests.plugins'",
        "RUNNER = 'shop.tests:run'",
    ],
)
def test_tests_that_are_referred_to_are_packed(source: str, toy_runtime: Runtime) -> None:
    """And those that these refer to in their turn."""
    kept = kept_tests(toy_runtime, module("shop", source, package=True))
    assert {"shop/tests/data/prices.json", "shop/tests/test_till.py", "shop/inner/tests/__init__.py"} <= kept


def test_tests_may_be_run_or_be_plugins(toy_runtime: Runtime) -> None:
    assert kept_tests(toy_runtime, policy=Policy(roots=("shop.tests",)))
    info = DataFile(SITE / "shop-1.dist-info/entry_points.txt", Content(b"[x]\na = shop.tests:b\n"), "shop")
    assert kept_tests(toy_runtime, info)
    wanted = Rule(files=("shop/tests/data",), include=True)
    assert kept_tests(toy_runtime, policy=Policy(rules=(wanted,))) == {"shop/tests/data/prices.json"}


# --- the used part of the standard library --------------------------------------------------


def used(runtime: Runtime, *resources: Resource, code: str = "", rules: tuple[Rule, ...] = ()) -> set[str]:
    policy = Policy(stdlib="used", mains=(code.encode(),), rules=rules)
    kept = apply_policy([*collect_stdlib(runtime), *resources], runtime, policy).kept
    found = [r.name for r in kept if isinstance(r, SourceModule | ExtensionModule)]
    return {*found, *runtime.builtin_modules}


def test_what_every_program_needs(runtime: Runtime) -> None:
    kept = used(runtime)
    assert {"encodings.cp037", "os", "traceback", "runpy", "zipimport", "importlib.util"} <= kept
    assert kept.isdisjoint({"email", "asyncio", "ssl", "unittest", "pydoc", "xml.sax", "sqlite3", "json"})


def test_imports_are_followed(runtime: Runtime) -> None:
    binary = ExtensionModule("fast", False, SITE / "fast.so", Content(b"..uuid.."), "demo")
    source = "import importlib\nimportlib.import_module({'x': 'sched'}[y])\nimport sqlite3, ssl"
    wanted = (Rule(module=("wave",), include=True),)
    kept = used(runtime, module("shop", source), binary, code="import csv; breakpoint", rules=wanted)
    assert {"sqlite3.dbapi2", "_sqlite3", "_ssl", "_socket", "uuid", "sched", "csv", "_csv", "wave"} <= kept
    assert kept.isdisjoint({"smtplib", "unittest", "xmlrpc.client"})


def test_what_is_imported_by_a_name_that_is_made_up(runtime: Runtime) -> None:
    """Sysconfig imports the variables of the build, as zoneinfo needs them."""

    def variables(code: str) -> set[str]:
        return {name for name in used(runtime, code=code) if name.startswith("_sysconfigdata_")}

    assert variables("import zoneinfo") == variables("import sysconfig") != set()
    assert variables("import json") == set()
