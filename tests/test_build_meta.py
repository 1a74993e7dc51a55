"""The hooks of the build backend, with real backends behind them."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import build
import pytest

import oxidize_build
from oxidize_build import build_meta
from oxidize_build.config_settings import ConfigSettings, read_config_settings
from oxidize_build.errors import SettingsError
from oxidize_build.settings import Settings
from oxidize_build.wrapped import UnsupportedOperation, WrappedBackend

BACKENDS = ["setuptools.build_meta", "hatchling.build", "flit_core.buildapi"]
WHEEL = "demo-1.0-py3-none-any.whl"


def make_project(directory: Path, backend: str) -> Path:
    (directory / "demo.py").write_text('"""Demo."""\n\ndef main() -> None: ...\n', encoding="utf-8")
    (directory / "pyproject.toml").write_text(
        '[project]\nname = "demo"\nversion = "1.0"\ndescription = "d"\nrequires-python = ">=3.11"\n'
        f'[project.scripts]\napp = "demo:main"\n[tool.oxidize]\nwheel-backend = "{backend}"\n',
        encoding="utf-8",
    )
    return directory


@pytest.fixture(params=BACKENDS)
def project(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "project").mkdir()
    directory = make_project(tmp_path / "project", request.param)
    monkeypatch.chdir(directory)
    return directory


@pytest.fixture
def in_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Make a project of which the wheel backend is a module that a test fills with hooks."""
    make_project(tmp_path, "in_tree")
    monkeypatch.chdir(tmp_path)
    module = ModuleType("in_tree")
    monkeypatch.setitem(sys.modules, "in_tree", module)
    return module


def test_wheel_sdist_editable_and_metadata(project: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    editable = installed(build_meta.get_requires_for_build_editable())
    out.mkdir()
    wheel = build_meta.build_wheel(str(out), {})
    assert zipfile.is_zipfile(out / wheel)
    sdist = build_meta.build_sdist(str(out), {})
    assert tarfile.is_tarfile(out / sdist)
    assert {path.name for path in out.iterdir()} == {wheel, sdist}
    if editable:
        (out / "editable").mkdir()
        assert zipfile.is_zipfile(out / "editable" / build_meta.build_editable(str(out / "editable")))
    for prepare in (
        build_meta.prepare_metadata_for_build_wheel,
        *([build_meta.prepare_metadata_for_build_editable] if editable else []),
    ):
        (out / prepare.__name__).mkdir()
        name = prepare(str(out / prepare.__name__), None)
        assert "Name: demo" in (out / prepare.__name__ / name / "METADATA").read_text()
    assert project.name == "project"


def test_the_package_itself_has_the_hooks_too() -> None:
    for name in build_meta.__all__:
        if name != "UnsupportedOperation":
            assert getattr(oxidize_build, name) is getattr(build_meta, name)
    assert not hasattr(oxidize_build, "build_nothing")


def installed(requirements: list[str]) -> bool:
    return not any(unmet for requirement in requirements for unmet in build.check_dependency(requirement))


def test_requirements_name_the_wrapped_backend(project: Path) -> None:
    backend = read_backend(project)
    expected = {"setuptools": "setuptools", "hatchling": "hatchling", "flit_core": "flit-core"}
    wanted = expected[backend.partition(".")[0]]
    assert wanted in build_meta.get_requires_for_build_wheel()
    assert wanted in build_meta.get_requires_for_build_sdist({})
    editable = build_meta.get_requires_for_build_editable({"other": "1"})
    assert wanted in editable
    assert any(name.startswith("editables") for name in editable) == (wanted == "hatchling")


def read_backend(project: Path) -> str:
    return (project / "pyproject.toml").read_text(encoding="utf-8").rsplit('"', 2)[1]


@pytest.mark.parametrize(
    ("value", "names"),
    [("all", None), ("", None), ("app", ("app",)), (["app", "app"], ("app",)), (["a", "all"], None)],
)
def test_executables_are_built_from_the_wheel(
    in_tree: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: object, names: object
) -> None:
    calls: list[object] = []
    passed: list[object] = []

    def build_wheel(directory: str, config: object, _metadata: object) -> str:
        passed.append(config)
        Path(directory, WHEEL).touch()
        return WHEEL

    def build_executables(
        settings: Settings,
        wheel: Path,
        names: Sequence[str] | None,
        output: Path,
        targets: Sequence[str] | None,
    ) -> list[Path]:
        assert wheel.exists()
        assert not (tmp_path / WHEEL).exists()
        assert targets is None
        calls.append((settings.executables[0].name, wheel.name, names, output))
        return []

    pipeline = ModuleType("oxidize_build.pipeline")
    vars(pipeline)["build_executables"] = build_executables
    monkeypatch.setitem(sys.modules, "oxidize_build.pipeline", pipeline)
    vars(in_tree)["build_wheel"] = build_wheel
    assert build_meta.build_wheel(str(tmp_path), {"k": "v"}) == WHEEL
    assert calls == []
    (tmp_path / WHEEL).unlink()
    config: dict[str, object] = {"oxidize.executable": value, "k": "v"}
    build_meta.build_wheel(str(tmp_path), config)
    (tmp_path / WHEEL).unlink()
    build_meta.build_wheel(str(tmp_path), config | {"oxidize.output": "/elsewhere"})
    assert calls == [
        ("app", WHEEL, names, tmp_path),
        ("app", WHEEL, names, Path("/elsewhere")),
    ]
    assert passed == [{"k": "v"}] * 3
    assert list(tmp_path.glob("*.whl")) == [tmp_path / WHEEL]


def test_missing_optional_hooks(
    in_tree: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def build_wheel(directory: str, _config: object, _metadata: object) -> str:
        with zipfile.ZipFile(Path(directory, WHEEL), "w") as wheel:
            wheel.writestr("demo-1.0.dist-info/METADATA", "Name: demo\n")
            wheel.writestr("demo.py", "")
        return WHEEL

    vars(in_tree)["build_wheel"] = build_wheel
    assert build_meta.get_requires_for_build_wheel() == []
    (tmp_path / "metadata").mkdir()
    name = build_meta.prepare_metadata_for_build_wheel(str(tmp_path / "metadata"))
    assert name == "demo-1.0.dist-info"
    assert (tmp_path / "metadata" / name / "METADATA").read_text() == "Name: demo\n"
    assert not (tmp_path / "metadata" / "demo.py").exists()
    with pytest.raises(SystemExit) as caught:
        build_meta.build_editable(str(tmp_path))
    assert caught.value.code == SettingsError.exit_status
    assert "has no build_editable hook" in capfd.readouterr().err


def test_an_sdist_that_is_not_supported(in_tree: ModuleType, tmp_path: Path) -> None:
    class Refusal(Exception):  # noqa: N818 - as backends may name theirs
        pass

    def build_sdist(_directory: str, _config: object) -> str:
        raise Refusal("no sources")

    vars(in_tree).update(build_sdist=build_sdist, UnsupportedOperation=Refusal)
    with pytest.raises(UnsupportedOperation, match="no sources"):
        build_meta.build_sdist(str(tmp_path))


def test_the_object_of_a_backend_is_honoured(in_tree: ModuleType) -> None:
    class Hooks:
        @staticmethod
        def get_requires_for_build_wheel(_config: object) -> list[str]:
            return ["dependency"]

    vars(in_tree)["inner"] = Hooks
    assert WrappedBackend("in_tree:inner").get_requires("get_requires_for_build_wheel", None) == [
        "dependency"
    ]
    with pytest.raises(SettingsError, match="outer"):
        WrappedBackend("in_tree:outer").get_requires("get_requires_for_build_wheel", None)


def test_a_backend_that_is_not_installed(tmp_path: Path) -> None:
    backend = WrappedBackend("no_such_backend.build")
    assert backend.get_requires("get_requires_for_build_wheel", None) == []
    with pytest.raises(SettingsError, match="no_such_backend") as caught:
        backend.build("wheel", str(tmp_path), None)
    assert "build-system.requires" in (caught.value.hint or "")
    assert WrappedBackend("mesonpy").requirements == ["meson-python"]
    with pytest.raises(SettingsError, match=r"did you mean 'hatchling\.build'"):
        WrappedBackend("hatchlin.build").build("wheel", str(tmp_path), None)


def test_a_known_backend_that_is_not_installed_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hatchling", None)
    monkeypatch.delitem(sys.modules, "hatchling.build", raising=False)
    backend = WrappedBackend("hatchling.build")
    assert backend.get_requires("get_requires_for_build_wheel", None) == ["hatchling"]
    assert backend.get_requires("get_requires_for_build_editable", None) == ["hatchling", "editables"]


def test_a_broken_backend_is_not_taken_for_a_missing_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_backend.py").write_text("import no_such_dependency\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency"):
        WrappedBackend("broken_backend").get_requires("get_requires_for_build_wheel", None)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"oxidize.executabel": "x"}, "did you mean 'oxidize.executable'"),
        ({"oxidize.executable": 3}, "found 3"),
        ({"oxidize.target": 3}, "oxidize.target: found 3"),
        ({"oxidize.output": "dist"}, "absolute"),
        ({"oxidize.output": ["/a", "/b"]}, "absolute"),
    ],
)
def test_faulty_config_settings(values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_config_settings(values)


def test_targets_are_named_like_executables() -> None:
    config = read_config_settings({"oxidize.executable": "all", "oxidize.target": ["a", "b", "a"], "k": 1})
    assert config == ConfigSettings(wrapped={"k": 1}, build_executables=True, targets=("a", "b"))
    assert read_config_settings({"oxidize.target": "all"}).targets is None


def test_no_config_settings() -> None:
    assert read_config_settings(None) == ConfigSettings(wrapped=None)
    assert read_config_settings({}) == ConfigSettings(wrapped={})


def test_an_error_is_told_without_a_traceback(in_tree: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    assert in_tree.__name__ == "in_tree"
    with pytest.raises(SystemExit) as caught:
        build_meta.get_requires_for_build_wheel({"oxidize.x": ""})
    assert caught.value.code == SettingsError.exit_status
    assert capfd.readouterr().err.startswith("error: config setting oxidize.x: unknown")


def test_the_hooks_need_only_the_standard_library_and_packaging() -> None:
    code = (
        "import sys, oxidize_build.build_meta\n"
        "top = {name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)\n"
        "print(sorted(name for name in top if not name.startswith(('_', 'sitecustomize'))))\n"
    )
    backend = Path(build_meta.__file__).parents[1]
    program = f"import sys; sys.path.insert(0, {str(backend)!r})\n{code}"
    before = "import sys; before = set(sys.modules)\n"
    out = subprocess.run(
        [sys.executable, "-c", before + program.replace("in sys.modules}", "in set(sys.modules) - before}")],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert out.strip() == "['oxidize_build', 'packaging']"


def test_reading_settings_without_faults_needs_nothing_that_only_faults_and_documents_need() -> None:
    modules = {"difflib", "oxidize_build.settings.docstrings", "oxidize_build.settings.schema"}
    code = (
        "import sys; from pathlib import Path; from oxidize_build.settings import read_settings\n"
        f"read_settings(Path.cwd()); print(sorted({modules} & sys.modules.keys()))\n"
    )
    root = Path(build_meta.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
