from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from oxidize_build.errors import SettingsError
from oxidize_build.policy import Policy, PolicyResult, apply_policy
from oxidize_build.resources import (
    Content,
    DataFile,
    ExtensionModule,
    Placement,
    Resource,
    SharedLibrary,
    SourceModule,
)
from oxidize_build.runtime.model import Runtime
from oxidize_build.settings.model import Rule
from oxidize_build.settings.values import Callback

STDLIB = PurePosixPath("lib/python3.13")
SITE = STDLIB / "site-packages"


def module(name: str, origin: str, root: PurePosixPath = SITE, *, package: bool = False) -> SourceModule:
    path = root / name.replace(".", "/")
    path = path / "__init__.py" if package else path.with_suffix(".py")
    return SourceModule(name, package, path, Content(b"1"), origin)


RESOURCES: tuple[Resource, ...] = (
    module("json", "python", STDLIB, package=True),
    module("json.decoder", "python", STDLIB),
    module("shop", "Shop.Front", package=True),
    module("shop.till", "Shop.Front"),
    ExtensionModule("shop._fast", False, SITE / "shop/_fast.so", Content(b"1"), "Shop.Front"),
    SharedLibrary(SITE / "shop.libs/libz.so", Content(b"1"), "Shop.Front", "libz.so"),
    DataFile(SITE / "shop/prices.json", Content(b"1"), "Shop.Front"),
    DataFile(SITE / "shop/types.pyi", Content(b"1"), "Shop.Front"),
    DataFile(PurePosixPath("share/app/logo.json"), Content(b"1"), "app"),
)


def decide(runtime: Runtime, *rules: Rule) -> PolicyResult:
    return apply_policy(RESOURCES, runtime, Policy(rules=rules))


def names(result: PolicyResult) -> set[str]:
    return {resource.path.name for resource in result.kept}


@pytest.mark.parametrize(
    ("keys", "gone"),
    [
        ({"package": ("shop-front",)}, {"till.py", "_fast.so", "libz.so", "prices.json"}),
        ({"package": ("Shop_*",), "kind": ("source",)}, {"till.py"}),
        ({"package": ("python",)}, {"decoder.py"}),
        ({"module": ("json",)}, {"decoder.py"}),
        ({"module": ("json.decoder",)}, {"decoder.py"}),
        ({"module": ("*.till",)}, {"till.py"}),
        ({"module": ("shop",)}, {"till.py", "_fast.so", "prices.json"}),
        ({"kind": ("extension", "library")}, {"_fast.so", "libz.so"}),
        ({"kind": ("data",)}, {"prices.json", "logo.json"}),
        ({"files": ("*.json",)}, {"prices.json", "logo.json"}),
        ({"files": ("/share/",)}, {"logo.json"}),
        ({"files": ("share/**/*.json",)}, {"logo.json"}),
        ({"files": ("shop/*.json",)}, {"prices.json"}),
        ({"files": ("lib/python3.13/json/decoder.py",)}, {"decoder.py"}),
        ({"files": ("*.json",), "module": ("shop",)}, {"prices.json"}),
    ],
)
def test_a_rule_matches_what_all_of_its_keys_do(
    keys: dict[str, Any], gone: set[str], toy_runtime: Runtime
) -> None:
    everything = names(decide(toy_runtime))
    assert everything - names(decide(toy_runtime, Rule(**keys, include=False))) - {"__init__.py"} == gone


def test_the_last_rule_wins_and_all_win_over_the_defaults(toy_runtime: Runtime) -> None:
    assert "types.pyi" not in names(decide(toy_runtime))
    with_stubs = Rule(files=("*.pyi",), include=True)
    assert "types.pyi" in names(decide(toy_runtime, with_stubs))
    result = decide(toy_runtime, with_stubs, Rule(package=("shop-front",), include=False))
    assert names(result) == {"__init__.py", "decoder.py", "logo.json"}
    assert [str(left) for left in result.left_out] == ["rule 2 of tool.oxidize.rules: 6 files, 0.0 MB"]


def test_effects_add_up(toy_runtime: Runtime) -> None:
    result = decide(
        toy_runtime,
        Rule(package=("shop-front",), optimize=2, placement="filesystem"),
        Rule(module=("shop.till",), source=False),
        Rule(module=("shop.till",), bytecode=True),
        Rule(kind=("extension",), placement="extract"),
        Rule(package=("shop*",), placement="extract"),
    )
    kept = {resource.path.name: resource for resource in result.kept if resource.origin == "Shop.Front"}
    till, package = kept["till.py"], kept["__init__.py"]
    assert isinstance(till, SourceModule)
    assert isinstance(package, SourceModule)
    assert (till.optimize, till.packs_source, till.packs_bytecode) == (2, False, True)
    assert till.placement is Placement.EXTRACT
    assert (package.optimize, package.packs_source) == (2, True)
    assert package.placement is Placement.EXTRACT
    assert not result.warnings


@pytest.mark.parametrize(
    ("rule", "warning"),
    [
        (Rule(package=("shop-frond",)), "there is no shop-frond; did you mean shop-front?"),
        (Rule(module=("jsom",)), "there is no jsom; did you mean json?"),
        (Rule(files=("*.toml",)), "(*.toml)"),
    ],
)
def test_a_rule_that_matches_nothing_is_told(rule: Rule, warning: str, toy_runtime: Runtime) -> None:
    (line,) = decide(toy_runtime, Rule(kind=("data",), include=True), rule).warnings
    assert line.startswith("warning: rule 2 of tool.oxidize.rules matches nothing")
    assert line.endswith(warning)


def test_a_distribution_is_placed_as_a_whole(toy_runtime: Runtime) -> None:
    result = decide(toy_runtime, Rule(module=("shop.till",), placement="filesystem"))
    placed = {r.path.name for r in result.kept if getattr(r, "placement", None) is Placement.FILESYSTEM}
    assert placed == {"__init__.py", "till.py", "_fast.so", "libz.so", "prices.json"}
    with pytest.raises(SettingsError, match=r"Shop\.Front is placed in two ways, filesystem and extract"):
        decide(
            toy_runtime,
            Rule(module=("shop.till",), placement="filesystem"),
            Rule(kind=("library",), placement="extract"),
        )


def test_something_has_to_be_left_of_a_module(toy_runtime: Runtime) -> None:
    with pytest.raises(SettingsError, match=r"nothing is left of shop\.till"):
        decide(toy_runtime, Rule(module=("shop.till",), source=False, bytecode=False))


# --- the callback ---------------------------------------------------------------------------


def callback(tmp_path: Path, code: str) -> Policy:
    file = tmp_path / "hooks.py"
    file.write_text(code)
    return Policy(callback=Callback(file, "see"))


def test_a_callback_changes_and_drops(tmp_path: Path, toy_runtime: Runtime) -> None:
    code = """
from dataclasses import replace
from oxidize_build.resources import DataFile, SourceModule
def see(resource):
    if isinstance(resource, DataFile):
        return None
    return replace(resource, optimize=1) if isinstance(resource, SourceModule) else resource
"""
    result = apply_policy(RESOURCES, toy_runtime, callback(tmp_path, code))
    assert not any(isinstance(resource, DataFile) for resource in result.kept)
    assert {r.optimize for r in result.kept if isinstance(r, SourceModule)} == {1}
    assert not (tmp_path / "__pycache__").exists()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("\ndef see(resource):\n    return 1 / 0\n", "hooks.py, line 3 failed for .*: ZeroDivisionError"),
        ("def see(resource):\n    return 'x'\n", "see of hooks.py returned 'x' for "),
        ("\nimport nosuch\n", "hooks.py, line 2 cannot be run: ModuleNotFoundError"),
        ("def see(:\n", "hooks.py, line 1 cannot be run: SyntaxError"),
        ("def look(resource): ...\n", "hooks.py defines no function see"),
    ],
)
def test_faults_of_a_callback_are_its_own(
    code: str, message: str, tmp_path: Path, toy_runtime: Runtime
) -> None:
    with pytest.raises(SettingsError, match=message):
        apply_policy(RESOURCES, toy_runtime, callback(tmp_path, code))


def unlinked(runtime: Runtime, source: str, *rules: Rule) -> frozenset[str]:
    builtin = frozenset({"_csv", "_ssl", "_uuid", "sys", "_io"})
    runtime = replace(runtime, builtin_modules=builtin)
    code = Content(source.encode())
    resources = [SourceModule("app", False, SITE / "app.py", code, "app")]
    policy = Policy(rules=rules, builtin_modules="used")
    return apply_policy(resources, runtime, policy).unlinked


def test_built_in_modules_that_nothing_imports_are_not_linked(runtime: Runtime) -> None:
    assert unlinked(runtime, "import _csv") == {"_ssl", "_uuid"}
    assert unlinked(runtime, "import _csv, _ssl, _uuid") == set()
    assert apply_policy(RESOURCES, runtime).unlinked == set()


def test_rules_speak_of_built_in_modules(runtime: Runtime) -> None:
    without = Rule(module=("_csv", "_io", "sys"), include=False)
    including = Rule(module=("_ss*",), include=True)
    assert unlinked(runtime, "import _csv", without, including) == {"_csv", "_uuid"}
    assert unlinked(runtime, "import _csv", without, Rule(module=("_csv",), include=True)) == {
        "_ssl",
        "_uuid",
    }
    assert unlinked(runtime, "import _csv", Rule(files=("*",), include=False)) == {"_csv", "_ssl", "_uuid"}
