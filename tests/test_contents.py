"""What is in an executable: attributed to packages, added up, drawn."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from oxidize_build.contents import OTHER, PYTHON, SYSTEM, Contents, Entry, Part, folders, read_contents
from oxidize_build.image.format import Option
from oxidize_build.image.reader import read_image
from oxidize_build.image.writer import OptionValue, write_image
from oxidize_build.resources import Content, DataFile, Resource, SharedLibrary, SourceModule
from oxidize_build.treemap import treemap
from oxidize_build.verify import VerifyReport

SITE = PurePosixPath("lib/python3.13/site-packages")
STUB_SIZE = 1000


def module(path: PurePosixPath, name: str, size: int) -> SourceModule:
    return SourceModule(name, False, path, Content(bytes(size)), "x", Content(bytes(2 * size)))


@pytest.fixture
def contents(tmp_path: Path) -> Contents:
    record = (
        b'demo/app.py,sha256=x,100\n"demo/odd,name.txt",,\n../../../bin/demo,,\ndemo-1.0.dist-info/RECORD,,\n'
    )
    resources: list[Resource] = [
        module(SITE / "demo/app.py", "demo.app", 100),
        DataFile(SITE / "demo/odd,name.txt", Content(bytes(7)), "demo"),
        DataFile(PurePosixPath("bin/demo"), Content(bytes(5)), "demo"),
        DataFile(SITE / "demo-1.0.dist-info/RECORD", Content(record), "demo"),
        module(PurePosixPath("lib/python3.13/json.py"), "json", 30),
        module(PurePosixPath("bin/app"), "__main__", 3),
        SharedLibrary(PurePosixPath("lib/libz.so.1"), Content(bytes(50)), "host", "libz.so.1"),
    ]
    image = tmp_path / "image"
    write_image(
        image, resources, [OptionValue(Option.RUN_MAIN)], hexversion=0x030D0000, cache_tag="cpython-313"
    )
    data = image.read_bytes()
    file = tmp_path / "app"
    file.write_bytes(bytes(STUB_SIZE) + data)
    report = VerifyReport(file, STUB_SIZE + len(data), STUB_SIZE, len(data), read_image(memoryview(data)))
    return read_contents(report)


def test_the_parts_are_the_whole(contents: Contents) -> None:
    parts = contents.parts()
    assert sum(parts.values()) == contents.total
    assert parts[Part.STUB] == STUB_SIZE
    assert parts[Part.LIBRARIES] == 50
    assert parts[Part.SOURCE] == 133
    assert parts[Part.BYTECODE] == 266
    assert parts[Part.DATA] > 12
    assert parts[Part.INDEX] > 0


def test_files_belong_to_packages(contents: Contents) -> None:
    owners = {str(entry.path): entry.package for entry in contents.entries}
    assert owners == {
        f"{SITE}/demo/app.py": "demo",
        f"{SITE}/demo/__pycache__/app.cpython-313.pyc": "demo",
        f"{SITE}/demo/odd,name.txt": "demo",
        f"{SITE}/demo-1.0.dist-info/RECORD": "demo",
        "bin/demo": "demo",
        "lib/python3.13/json.py": PYTHON,
        "lib/python3.13/__pycache__/json.cpython-313.pyc": PYTHON,
        "bin/app": OTHER,
        "bin/__pycache__/app.cpython-313.pyc": OTHER,
        "lib/libz.so.1": SYSTEM,
    }
    packages = contents.packages()
    assert next(iter(packages)) == "demo"
    assert list(packages.values()) == sorted(packages.values(), reverse=True)
    assert sum(packages.values()) == sum(entry.size for entry in contents.entries)


def test_folders_add_up(contents: Contents) -> None:
    root = folders(contents.entries)
    assert root.size == sum(entry.size for entry in contents.entries)
    assert set(root.folders) == {"bin", "lib"}
    assert {entry.path.name for entry in root.folders["bin"].files} == {"app", "demo"}


class Page(HTMLParser):
    """Collects the data of the page, and all that would be fetched from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.outside: list[str] = []
        self.scripts: dict[str | None, str] = {}
        self._script: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        self.outside += [value for key in ("src", "href") if (value := names.get(key))]
        self._script = (names.get("id") or "") if tag == "script" else None

    def handle_endtag(self, tag: str) -> None:
        self._script = None

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self.scripts[self._script] = data


def total(node: list[Any]) -> int:
    return sum(map(total, node[2])) if isinstance(node[2], list) else node[1]


def test_the_treemap_has_every_byte_and_needs_nothing_else(contents: Contents) -> None:
    page = Page(treemap("<app> & @PARTS@", contents))
    assert page.outside == []
    tree = json.loads(page.scripts["tree"])
    assert tree[0] == "<app> & @PARTS@"
    assert tree[1] == contents.total == total(tree)
    assert {child[0] for child in tree[2]} == {"demo", PYTHON, SYSTEM, OTHER, "(interpreter)", "(index)"}
    code = page.scripts[""]
    assert json.loads(re.findall(r"const PARTS = (\[.*?\]);", code)[0]) == [str(part) for part in Part]


def test_names_cannot_end_the_script() -> None:
    entry = Entry(PurePosixPath("<script>.txt"), 5, Part.DATA, "</script><b>")
    page = treemap("app", Contents(10, 2, (entry,)))
    assert "</script><b>" not in page
    package = json.loads(Page(page).scripts["tree"])[2][0]
    assert package[0] == "</script><b>"
    assert package[2][0][0] == "<script>.txt"


def test_folders_of_one_folder_are_put_together() -> None:
    entries = (
        Entry(PurePosixPath("lib/site/a/b/one.py"), 1, Part.SOURCE, "x"),
        Entry(PurePosixPath("lib/site/a/b/two.py"), 2, Part.SOURCE, "x"),
        Entry(PurePosixPath("lib/site/c/d.py"), 3, Part.SOURCE, "x"),
    )
    tree = json.loads(Page(treemap("app", Contents(6, 0, entries))).scripts["tree"])
    (package,) = (child for child in tree[2] if child[0] == "x")
    assert [child[0] for child in package[2]] == ["a/b", "c"]
