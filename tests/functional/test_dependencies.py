"""What an executable packs of what the project depends on."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from making import Picture, picture, write_project

from conftest import Frontend

pytestmark = pytest.mark.slow
MakeWheel = Callable[..., Path]

WHICH = """
from importlib.util import find_spec

def main():
    print(*(name for name in ("oxplain", "oxfancy", "oxdeep", "oxelsewhere", "oxold") if find_spec(name)))
"""


@pytest.fixture
def links(tmp_path: Path) -> Path:
    folder = tmp_path / "links"
    folder.mkdir()
    return folder


@pytest.fixture
def closed(frontend: Frontend, links: Path) -> Frontend:
    """The front end, whose pip has nothing but the folder *links*."""
    return replace(
        frontend, environment=frontend.environment | {"PIP_FIND_LINKS": str(links), "PIP_NO_INDEX": "1"}
    )


def output(executable: Path) -> str:
    return subprocess.run([executable], check=True, capture_output=True, text=True, timeout=60).stdout


def test_extras_and_markers(closed: Frontend, make_wheel: MakeWheel, links: Path, tmp_path: Path) -> None:
    make_wheel("oxplain", folder=links)
    make_wheel("oxfancy", folder=links, requires=["oxdeep"])
    make_wheel("oxdeep", folder=links)
    project = write_project(
        tmp_path / "project",
        code=WHICH,
        metadata=(
            'dependencies = ["oxplain", "oxelsewhere; sys_platform == \'win32\'", '
            "\"oxold; python_version < '3'\"]\n"
            'optional-dependencies.fancy = ["oxfancy"]\n'
            '[project.scripts]\nplain = "app:main"\nfancy = "app:main [fancy]"\n'
        ),
        tables='[tool.oxidize.executables.also]\nentry-point = "app:main"\nextras = ["fancy"]\n',
    )
    dist = closed.build(project, "--no-isolation")
    assert output(dist / "plain") == "oxplain\n"
    assert output(dist / "fancy") == "oxplain oxfancy oxdeep\n"
    assert output(dist / "also") == "oxplain oxfancy oxdeep\n"


SDIST_BACKEND = """
import base64, hashlib, zipfile

def build_wheel(directory, settings=None, metadata=None):
    files = {
        "oxsource.py": b"VALUE = 'built from an sdist'",
        "oxsource-1.dist-info/METADATA": b"Metadata-Version: 2.1\\nName: oxsource\\nVersion: 1\\n",
        "oxsource-1.dist-info/WHEEL": b"Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    record = ""
    with zipfile.ZipFile(directory + "/oxsource-1-py3-none-any.whl", "w") as wheel:
        for name, data in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().strip("=")
            record += f"{name},sha256={digest},{len(data)}\\n"
            wheel.writestr(name, data)
        wheel.writestr("oxsource-1.dist-info/RECORD", record + "oxsource-1.dist-info/RECORD,,\\n")
    return "oxsource-1-py3-none-any.whl"
"""


def write_sdist(folder: Path) -> None:
    files = {
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "PKG-INFO": "Metadata-Version: 2.1\nName: oxsource\nVersion: 1\n",
        "backend.py": SDIST_BACKEND,
    }
    with tarfile.open(folder / "oxsource-1.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"oxsource-1/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))


def test_a_dependency_without_a_wheel(closed: Frontend, links: Path, tmp_path: Path) -> None:
    write_sdist(links)
    project = write_project(
        tmp_path / "project",
        code="import oxsource\n\ndef main():\n    print(oxsource.VALUE)\n",
        metadata='dependencies = ["oxsource"]',
    )
    assert output(closed.build(project, "--no-isolation") / "app") == "built from an sdist\n"


def test_a_namespace_package_of_two_wheels(
    closed: Frontend, make_wheel: MakeWheel, links: Path, tmp_path: Path
) -> None:
    for part in ("one", "two"):
        make_wheel(f"ox{part}", files={f"oxspace/{part}.py": f"NAME = {part!r}\n".encode()}, folder=links)
    code = (
        "def main():\n"
        "    import oxspace, oxspace.one, oxspace.two\n"
        "    print(oxspace.one.NAME, oxspace.two.NAME, oxspace.__file__, len(list(oxspace.__path__)))\n"
    )
    project = write_project(tmp_path / "project", code=code, metadata='dependencies = ["oxone", "oxtwo"]')
    assert output(closed.build(project, "--no-isolation") / "app") == "one two None 1\n"


def made_since(before: Picture, after: Picture) -> int:
    """Return how many entries of the cache are new files; those that were used again have another time."""
    known = {path: inode for path, (inode, _, _) in before.items()}
    files = [path for path in after if not path.endswith(".seal")]
    return sum(known.get(path) != after[path][0] for path in files)


def test_a_second_build_compiles_nothing_again(
    closed: Frontend, make_wheel: MakeWheel, links: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    frontend = replace(closed, environment=closed.environment | {"OXIDIZE_CACHE_DIR": str(cache)})
    make_wheel("oxplain", folder=links)
    project = write_project(tmp_path / "project", metadata='dependencies = ["oxplain"]')

    def build_again() -> tuple[int, int]:
        """Return how many modules were compiled and how many stubs were linked."""
        before = {kind: picture(cache / kind) for kind in ("bytecode", "stubs")}
        shutil.rmtree(project / "dist", ignore_errors=True)
        frontend.build(project, "--no-isolation")
        new = {kind: made_since(before[kind], picture(cache / kind)) for kind in before}
        return new["bytecode"], new["stubs"]

    modules, stubs = build_again()
    assert modules > 500
    assert stubs == 1
    assert build_again() == (0, 0)
    with (project / "app.py").open("a") as file:
        file.write("CHANGED = True\n")
    assert build_again() == (1, 0)
