"""An executable whose files are compressed: programs see no difference, and damage is noticed."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from making import write_files, write_project

from conftest import Frontend
from oxidize_build.contents import read_contents
from oxidize_build.image.reader import PackedFile
from oxidize_build.verify import VerifyReport, verify

pytestmark = pytest.mark.slow

TEXT = "".join(f"line {number} of a file that is compressed\n" for number in range(5000))
SETTINGS = """
packages = ["shop"]
package-data = {"*" = ["*.txt"]}
[tool.oxidize]
compression = true
stdlib = "used"
dependencies = ["markupsafe"]
[[tool.oxidize.rules]]
files = "shop/plain.txt"
compression = false
[[tool.oxidize.rules]]
package = "markupsafe"
placement = "extract"
"""
CODE = """
import ctypes, inspect, json, mmap, multiprocessing, os, sqlite3, subprocess, sys
from importlib import resources

import markupsafe, shop

def square(number):
    return number * number + shop.ZERO

def look_at(path):
    found = {"size": os.stat(path).st_size, "names": sorted(os.listdir(os.path.dirname(path)))}
    with open(path) as file:
        found["text"] = file.read()
        file.seek(7000)
        found["line"] = file.readline()
        found["open size"] = os.fstat(file.fileno()).st_size
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        found["end"] = mapped[-20:].decode()
    return found

def main():
    shop_file = os.path.join(os.path.dirname(shop.__file__), "long.txt")
    child = [sys.executable, "-c", "import shop; print(shop.ZERO)"]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        squares = pool.map(square, range(5))
    print(json.dumps({
        "file": look_at(shop_file),
        "resource": resources.files("shop").joinpath("long.txt").read_text() == open(shop_file).read(),
        "loaded": shop.__loader__.get_data(shop_file).decode() == open(shop_file).read(),
        "source": inspect.getsource(shop.price),
        "database": sqlite3.connect(":memory:").execute("select 6 * 7").fetchone(),
        "squares": squares,
        "child": subprocess.run(child, capture_output=True, text=True).stdout,
        "aside": [markupsafe.__file__, markupsafe.escape("&")],
    }))
"""
FILES = {
    "shop/__init__.py": "ZERO = 0\ndef price():\n    return 'the price of all that is in the shop ' * 3\n",
    "shop/long.txt": TEXT,
    "shop/plain.txt": TEXT,
}


@pytest.fixture(scope="module")
def executable(frontend: Frontend, tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = write_files(tmp_path_factory.mktemp("compressed"), FILES)
    return frontend.build(write_project(project, code=CODE, tables=SETTINGS), "--no-isolation") / "app"


@pytest.fixture(scope="module")
def files(executable: Path) -> dict[str, PackedFile]:
    return {file.path.name: file for file in verify(executable).image.files}


def run(executable: Path, home: Path, *, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_CACHE_HOME": str(home)}
    command = [*prefix, str(executable)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def said(executable: Path, home: Path, *, prefix: tuple[str, ...] = ()) -> dict[str, Any]:
    done = run(executable, home, prefix=prefix)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_programs_see_no_difference(executable: Path, tmp_path: Path) -> None:
    found = said(executable, tmp_path)
    file = found["file"]
    assert file["text"] == TEXT
    assert file["size"] == file["open size"] == len(TEXT)
    assert (file["line"], file["end"]) == (TEXT[7000:].partition("\n")[0] + "\n", TEXT[-20:])
    assert {"__init__.py", "long.txt", "plain.txt"} <= set(file["names"])
    assert found["resource"]
    assert found["loaded"]
    assert found["source"].startswith("def price")
    assert found["database"] == [42]
    assert found["squares"] == [0, 1, 4, 9, 16]
    assert found["child"] == "0\n"


def test_what_is_unpacked_is_whole_and_compared_at_each_start(executable: Path, tmp_path: Path) -> None:
    path, text = said(executable, tmp_path)["aside"]
    copy = Path(path)
    assert copy.is_relative_to(tmp_path)
    assert text == "&amp;"
    before = copy.read_text()
    assert "def escape" in before or "Markup" in before
    copy.chmod(0o600)
    copy.write_text(before.replace("Markup", "Markap"))
    copy.chmod(0o400)
    assert said(executable, tmp_path)["aside"] == [path, "&amp;"]
    assert copy.read_text() == before


def test_libraries_are_loaded_where_files_may_not_be_large(executable: Path, tmp_path: Path) -> None:
    said(executable, tmp_path)  # unpacks
    assert said(executable, tmp_path, prefix=("prlimit", "--fsize=100:"))["database"] == [42]


def test_the_account_knows_both_sizes(executable: Path, files: dict[str, PackedFile]) -> None:
    report = verify(executable)
    contents = read_contents(report)
    assert sum(contents.parts().values()) == report.size
    assert contents.compression().packed < contents.compression().size / 2
    assert files["plain.txt"].stored_size == files["plain.txt"].size == len(TEXT)
    assert files["long.txt"].stored_size < files["long.txt"].size == len(TEXT)
    assert any(file.is_compressed for name, file in files.items() if ".so" in name)
    assert any(file.is_compressed for name, file in files.items() if name.endswith(".pyc"))


def changed(report: VerifyReport, file: PackedFile, copy: Path) -> Path:
    """Write *copy*: the executable with a byte of *file* changed."""
    data = bytearray(report.path.read_bytes())
    data[report.image_offset + file.offset + file.stored_size // 2] ^= 0x10
    copy.write_bytes(data)
    copy.chmod(0o755)
    return copy


@pytest.mark.parametrize("pattern", [r"long\.txt", r"_sqlite3.*\.so", r"app\.cpython.*\.pyc"])
def test_damage_is_noticed_where_it_is_met(
    pattern: str, executable: Path, files: dict[str, PackedFile], tmp_path: Path
) -> None:
    file = next(file for name, file in files.items() if re.fullmatch(pattern, name))
    copy = changed(verify(executable), file, tmp_path / "app")
    done = run(copy, tmp_path)
    assert done.returncode == 70
    assert f"{copy}: damaged executable: a packed file is damaged\n" in done.stderr


def test_files_that_are_not_used_may_be_damaged(
    executable: Path, files: dict[str, PackedFile], tmp_path: Path
) -> None:
    copy = changed(verify(executable), files["plain.txt"], tmp_path / "app")
    assert run(copy, tmp_path).returncode == 0
