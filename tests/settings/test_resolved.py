"""What later stages take: common keys, own keys and targets put together."""

from __future__ import annotations

from pathlib import Path

import pytest

from oxidize_build.errors import SettingsError
from oxidize_build.settings import (
    Executable,
    Interpreter,
    Module,
    PlacedFiles,
    Repl,
    RuntimeArchive,
    RuntimePath,
    Settings,
    Target,
    add_entry_points,
    check_names,
    read_settings,
    resolve,
    select,
)

COMMON = """
[tool.oxidize]
dependencies = ["a", "b"]
stdlib = "used"
frozen = true
files = [{ from = "data" }]
rules = [{ package = "a", include = false }]
interpreter = { utf8-mode = true, verbose = 1, x-options = ["dev"], allocators.raw = "system" }
"""
OWN = """
[tool.oxidize.executables.app]
module = "app"
dependencies = ["b", "c"]
frozen = false
files = [{ from = "more", to = "share" }]
rules = [{ kind = "data", placement = "extract" }]
interpreter = { verbose = 2, x-options = ["utf8"], allocators.mem = "mimalloc" }
"""
OTHER = '[tool.oxidize.executables.tool]\nmodule = "tool"\n'
TARGETS = (
    '[tool.oxidize.targets.old]\nglibc = "2.17"\nruntime = { path = "py" }\n[tool.oxidize.targets.new]\n'
)

Names = list[str] | None


def read(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    return read_settings(tmp_path)


def names(
    settings: Settings, executables: list[str] | None = None, targets: list[str] | None = None
) -> list[str]:
    return [build.file_name for build in select(settings, executables, targets)]


def test_lists_add_up_and_other_values_replace(tmp_path: Path) -> None:
    app, tool = read(tmp_path, COMMON + OWN + OTHER).executables
    assert app.dependencies == ("a", "b", "c")
    assert not app.frozen
    assert app.stdlib == "used"
    assert app.files == (PlacedFiles(from_="data"), PlacedFiles(from_="more", to="share"))
    assert [(rule.package, rule.kind) for rule in app.rules] == [(("a",), ()), ((), ("data",))]
    assert app.interpreter == Interpreter(
        values={"utf8-mode": True, "verbose": 2, "x-options": ("dev", "utf8")},
        allocators={"raw": "system", "mem": "mimalloc"},
    )
    assert tool.dependencies == ("a", "b")
    assert tool.frozen
    assert tool.interpreter.values == {"utf8-mode": True, "verbose": 1, "x-options": ("dev",)}


def test_scripts_of_the_project_and_of_the_wheel_have_the_common_keys(tmp_path: Path) -> None:
    settings = read(tmp_path, COMMON + '[project]\nname = "x"\nversion = "1"\nscripts.app = "a:b"\n')
    assert settings.executables[0].dependencies == ("a", "b")
    settings = read(tmp_path, COMMON + '[tool.oxidize.executables.other]\ndependencies = ["d"]\n')
    app, other = add_entry_points(settings, "[console_scripts]\napp = a:b\nother = a:b\n").executables
    assert (app.dependencies, app.frozen) == (("a", "b"), True)
    assert (other.dependencies, other.frozen) == (("a", "b", "d"), True)


def test_paths_are_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "hooks.py").touch()
    text = '[tool.oxidize]\nlock = "pylock.toml"\npackage-roots = ["src"]\ncallback = "hooks.py:change"\n'
    (app,) = read(
        tmp_path, f'{text}runtime.path = "../python"\n[tool.oxidize.executables.app]\nrepl = true\n'
    ).executables
    assert app.run == Repl()
    assert app.lock == tmp_path / "pylock.toml"
    assert app.package_roots == (tmp_path / "src",)
    assert app.callback
    assert (app.callback.file, app.callback.function) == (tmp_path / "hooks.py", "change")


def test_files_may_be_missing_where_no_executable_is_built(tmp_path: Path) -> None:
    text = '[tool.oxidize.executables.app]\nscript = "tools/app.py"\n'
    with pytest.raises(SettingsError, match="no such file"):
        read(tmp_path, text)
    assert read_settings(tmp_path, check_files=False).executables


def test_targets(tmp_path: Path) -> None:
    settings = read(tmp_path, f'[tool.oxidize]\nruntime = "3.14"\n{OTHER}{TARGETS}')
    assert settings.targets == (
        Target("new", "3.14"),
        Target("old", RuntimePath(path=tmp_path / "py"), None, "2.17"),
    )
    url = '{ url = "https://example.org/x.tar.gz", sha256 = "%s" }' % ("0" * 64)
    (target,) = read(tmp_path, f"[tool.oxidize]\nruntime = {url}\n").targets
    assert target == Target("", RuntimeArchive(url="https://example.org/x.tar.gz", sha256="0" * 64))


def test_a_file_is_named_for_its_target_where_there_are_several(tmp_path: Path) -> None:
    app = OWN.replace("dependencies", 'targets = ["old"]\ndependencies')
    settings = read(tmp_path, app + OTHER + TARGETS)
    assert names(settings) == ["tool-new", "app-old", "tool-old"]
    assert names(settings, ["tool"]) == ["tool-new", "tool-old"]
    assert names(settings, None, ["old"]) == ["app-old", "tool-old"]
    assert names(read(tmp_path, OTHER + "[tool.oxidize.targets.only]\n")) == ["tool"]


def test_a_build_has_all_that_is_said_of_it() -> None:
    settings = Settings(Path("/project"), executables=(Executable("app", Module("app")),))
    build = resolve(settings, settings.executables[0], settings.targets[0])
    assert (build.project, build.file_name, build.target.runtime) == (Path("/project"), "app", "host")


@pytest.mark.parametrize(
    ("executables", "targets", "message"),
    [
        (["tol"], None, r"no executable 'tol'; the project defines app, tool; did you mean 'tool'\?"),
        (None, ["odl"], r"no target 'odl'; the project defines new, old; did you mean 'old'\?"),
        (["app"], ["new"], "nothing of app is for the target new"),
    ],
)
def test_unknown_names(tmp_path: Path, executables: Names, targets: Names, message: str) -> None:
    app = OWN.replace("dependencies", 'targets = ["old"]\ndependencies')
    with pytest.raises(SettingsError, match=message):
        select(read(tmp_path, app + OTHER + TARGETS), executables, targets)


def test_a_project_without_executables_has_a_repl(tmp_path: Path) -> None:
    settings = read(tmp_path, '[project]\nname = "My.App"\n[tool.oxidize]\nstdlib = "used"\n')
    assert add_entry_points(settings, "", "my-app").executables == (
        Executable("My.App", Repl(), stdlib="used"),
    )
    without_metadata = read(tmp_path, "")
    assert add_entry_points(without_metadata, "", "my-app").executables == (Executable("my-app", Repl()),)


def test_names_are_checked_before_there_is_a_wheel(tmp_path: Path) -> None:
    app = '[project]\nname = "d"\n[project.scripts]\napp = "d:main"\n'
    check_names(read(tmp_path, app), ["app"], None)
    for text, known in ((app, "app"), ('[project]\nname = "d"\n', "d")):
        with pytest.raises(SettingsError, match=f"no executable 'x'; the project defines {known}"):
            check_names(read(tmp_path, text), ["x"], None)
    check_names(read(tmp_path, ""), ["x"], None)
    check_names(read(tmp_path, '[project]\nname = "d"\ndynamic = ["scripts"]\n'), ["x"], None)
    with pytest.raises(SettingsError, match="no target 't'"):
        check_names(read(tmp_path, ""), None, ["t"])


def test_a_project_without_targets_has_none_to_choose(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no target 'linux'; the project defines none"):
        select(read(tmp_path, OTHER), None, ["linux"])
