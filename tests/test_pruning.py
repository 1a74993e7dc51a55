"""What is left out since no traced run has used it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from oxidize_build.collect import collect_stdlib
from oxidize_build.errors import SettingsError
from oxidize_build.image.format import Option
from oxidize_build.policy import Policy, Pruning, apply_policy
from oxidize_build.policy.pruning import REASON, needed_by_interpreter
from oxidize_build.profile import Profile, ProfiledModule, write_profiles
from oxidize_build.profile.use import PLAIN, Layout, profile_use, tracing, use_order
from oxidize_build.resources import Content, DataFile, ExtensionModule, Resource, SharedLibrary, SourceModule
from oxidize_build.runtime.model import Runtime
from oxidize_build.settings import Build, Executable, Module, Target
from oxidize_build.settings.model import Licenses, Rule

STDLIB = PurePosixPath("lib/python3.13")
SITE = STDLIB / "site-packages"
PROFILE = Profile(
    (ProfiledModule("app"), ProfiledModule("dep.deep.used"), ProfiledModule("json")),
    ("lib/python/site-packages/dep/data.txt", "lib/python/site-packages/looked-1.dist-info/METADATA"),
    ("lib/python/site-packages/solo/libsolo.so",),
)


def module(name: str, origin: str, text: str = "", *, package: bool = False) -> SourceModule:
    root = STDLIB if origin == "python" else SITE
    path = root.joinpath(*name.split("."))
    path = path / "__init__.py" if package else path.with_suffix(".py")
    return SourceModule(name, package, path, Content(text.encode()), origin)


def data(path: PurePosixPath | str, origin: str) -> DataFile:
    return DataFile(PurePosixPath(path), Content(b"123"), origin)


def native(name: str, origin: str) -> ExtensionModule:
    return ExtensionModule(name, False, SITE / f"{name}.so", Content(b"123"), origin)


def library(path: str, origin: str) -> SharedLibrary:
    return SharedLibrary(SITE / path, Content(b"123"), origin, path)


RESOURCES: list[Resource] = [
    module("app", "app"),
    module("app_extra", "app"),
    data(SITE / "app-1.dist-info/METADATA", "app"),
    data("share/placed.txt", "app"),
    data("share/other.txt", "app"),
    module("dep", "dep", package=True),
    module("dep.deep", "dep", package=True),
    module("dep.deep.used", "dep"),
    module("dep.unused", "dep"),
    data(SITE / "dep/data.txt", "dep"),
    data(SITE / "dep/more.txt", "dep"),
    module("gone", "gone"),
    data(SITE / "gone-1.dist-info/METADATA", "gone"),
    module("looked", "looked"),
    data(SITE / "looked-1.dist-info/METADATA", "looked"),
    data(SITE / "looked-1.dist-info/entry_points.txt", "looked"),
    native("fast", "fast"),
    library("fast.libs/libfast.so", "fast"),
    native("slow", "slow"),
    library("slow.libs/libslow.so", "slow"),
    library("solo/libsolo.so", "solo"),
    module("json", "python"),
    module("csv", "python"),
    module("traceback", "python", "import reporting\ndef main():\n    import lazily\n"),
    module("reporting", "python"),
    module("lazily", "python"),
    module("encodings", "python", package=True),
    module("encodings.latin_1", "python"),
    module("encodings.bz2_codec", "python"),
]


def kept(runtime: Runtime, profile: Profile = PROFILE, **policy: Any) -> set[str]:
    """Return the names of modules and the paths of other files that are left."""
    pruning = Pruning(profile, frozenset({PurePosixPath("share/placed.txt")}))
    result = apply_policy(RESOURCES, runtime, Policy(pruning=pruning, **policy))
    left = {str(getattr(resource, "name", resource.path)) for resource in result.kept}
    dropped = {str(getattr(resource, "name", resource.path)) for resource in result.pruned}
    assert left | dropped == {str(getattr(resource, "name", resource.path)) for resource in RESOURCES}
    assert [entry.count for entry in result.left_out if entry.reason == REASON] == [len(dropped)]
    return left


def test_what_is_kept(toy_runtime: Runtime) -> None:
    fast = Profile((*PROFILE.modules, ProfiledModule("fast")), PROFILE.files, PROFILE.libraries)
    assert kept(toy_runtime, fast) == {
        *("app", f"{SITE}/app-1.dist-info/METADATA", "share/placed.txt"),
        *("dep", "dep.deep", "dep.deep.used", f"{SITE}/dep/data.txt"),
        *(f"{SITE}/looked-1.dist-info/METADATA", f"{SITE}/looked-1.dist-info/entry_points.txt"),
        *("fast", f"{SITE}/fast.libs/libfast.so", f"{SITE}/solo/libsolo.so"),
        *("json", "traceback", "reporting", "encodings", "encodings.latin_1"),
    }


def test_a_rule_keeps_a_module_and_its_packages(toy_runtime: Runtime) -> None:
    nothing = Profile()
    left = kept(toy_runtime, nothing, rules=(Rule(module=("dep.deep.used", "csv"), include=True),))
    assert {"dep", "dep.deep", "dep.deep.used", "csv"} <= left
    assert not {"app", "dep.unused"} & left


def test_files_beside_the_executable_are_kept_with_their_modules(toy_runtime: Runtime) -> None:
    left = kept(toy_runtime, rules=(Rule(package=("dep", "gone"), placement="filesystem"),))
    assert f"{SITE}/dep/more.txt" in left
    assert "dep.unused" not in left
    assert f"{SITE}/gone-1.dist-info/METADATA" not in left


def test_what_is_run_is_kept(toy_runtime: Runtime) -> None:
    assert {"dep.unused", "dep"} <= kept(toy_runtime, Profile(), roots=("dep.unused",))


def test_the_interpreter_keeps_what_it_reports_with(runtime: Runtime) -> None:
    needed = needed_by_interpreter(collect_stdlib(runtime), runtime)
    assert {"traceback", "linecache", "tokenize", "re", "encodings.iso8859_15", "encodings.euc_jp"} <= needed
    assert not {"bz2", "inspect", "subprocess", "unicodedata", "encodings.idna"} & needed


# --- the settings ----------------------------------------------------------------------------


def build(project: Path, prune: Any = "no", **more: Any) -> Build:
    executable = Executable("app", Module("app"), prune=prune, **more)
    return Build(project, executable, Target(), Licenses(), "app")


def test_without_a_profile(tmp_path: Path, toy_runtime: Runtime) -> None:
    use = profile_use(build(tmp_path), frozenset())
    assert use.layout(apply_policy([], toy_runtime)) == PLAIN
    with pytest.raises(
        SettingsError, match=r"executable app: .*there is no oxidize-profile\.json\n.*trace app"
    ):
        profile_use(build(tmp_path, "profile"), frozenset())
    write_profiles(tmp_path / "oxidize-profile.json", {"other": PROFILE})
    with pytest.raises(SettingsError, match=r"oxidize-profile\.json knows no run of it"):
        profile_use(build(tmp_path, "profile"), frozenset())


def test_pruned_modules_are_told(tmp_path: Path, toy_runtime: Runtime) -> None:
    write_profiles(tmp_path / "my.json", {"app": PROFILE})
    use = profile_use(build(tmp_path, "profile", profile=tmp_path / "my.json"), frozenset())
    decided = apply_policy(RESOURCES, toy_runtime, Policy(pruning=use.pruning))
    layout = use.layout(decided)
    assert "csv" in layout.pruned
    assert "json" not in layout.pruned
    assert [(option.key, option.text) for option in layout.options] == [(Option.PRUNED_BY, "my.json")]


def test_a_profile_of_other_versions_is_told(tmp_path: Path, toy_runtime: Runtime) -> None:
    write_profiles(tmp_path / "oxidize-profile.json", {"app": Profile((ProfiledModule("renamed"),))})
    (warning,) = profile_use(build(tmp_path, "profile"), frozenset()).warnings(RESOURCES, toy_runtime)
    assert warning.startswith(
        "warning: oxidize-profile.json has seen 1 modules that are not there: renamed; trace again, "
    )
    assert profile_use(build(tmp_path), frozenset()).warnings(RESOURCES, toy_runtime) == []


def test_a_traced_build_is_not_pruned(tmp_path: Path, toy_runtime: Runtime) -> None:
    lazy = replace(build(tmp_path, "profile").executable, lazy_imports=True)
    assert tracing(replace(build(tmp_path, "profile"), executable=lazy)).executable.lazy_imports is False
    use = profile_use(tracing(build(tmp_path, "profile")), frozenset())
    layout = use.layout(apply_policy([], toy_runtime))
    assert (layout.profile, layout.pruned) == (None, ())
    assert [option.key for option in layout.options] == [Option.TRACE]


def test_the_order_knows_the_paths_of_this_version() -> None:
    order = use_order(Layout(PROFILE), RESOURCES)
    assert order.modules == {"app": 0, "dep.deep.used": 1, "json": 2}
    assert list(order.files) == [
        f"{SITE}/dep/data.txt",
        f"{SITE}/looked-1.dist-info/METADATA",
        f"{SITE}/solo/libsolo.so",
    ]
