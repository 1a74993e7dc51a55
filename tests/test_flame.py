"""The picture of where the time of imports goes."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from oxidize_build.errors import OutputError
from oxidize_build.flame import WIDTH, check_format, flame_graph, frames
from oxidize_build.profile import EMPTY, Profile, ProfiledModule

SVG = "{http://www.w3.org/2000/svg}"
PROFILE = Profile(
    (
        ProfiledModule("encodings", own=1_000),
        ProfiledModule("app<&>", own=2_000),
        ProfiledModule("app.core", "app<&>", 7_000),
        ProfiledModule("tiny", "app.core", 1),
        ProfiledModule("spawned", "app<&>", 5_000, child=True),
        ProfiledModule("deeper", "spawned", 5_000, child=True),
    )
)


def test_frames_are_in_order_of_import() -> None:
    root = frames("app", PROFILE)
    assert [(frame.name, frame.total) for frame in root.children] == [
        ("encodings", 1_000),
        ("app<&>", 9_001),
        ("(child processes)", 10_000),
    ]
    assert root.total == 20_001
    assert [frame.name for frame in root.children[2].children] == ["spawned"]


def test_svg() -> None:
    root = ET.fromstring(flame_graph("a<b", PROFILE, Path("x.svg")))
    assert root.tag == f"{SVG}svg"
    groups = root.findall(f"{SVG}g")
    titles = [group.findtext(f"{SVG}title") for group in groups]
    assert titles[0] == "a<b: 20 ms, 100.0 %, own 0.00 ms"
    assert "app<&>: 9.00 ms, 45.0 %, own 2.00 ms" in titles
    assert not any(title and title.startswith("tiny") for title in titles)
    boxes = {
        title.partition(":")[0]: {key: float(value) for key, value in rect.items() if key != "class"}
        for title, rect in zip(titles, (group.find(f"{SVG}rect") for group in groups), strict=True)
        if title and rect is not None
    }
    assert boxes["app.core"]["x"] == boxes["app<&>"]["x"]
    assert boxes["app.core"]["y"] > boxes["app<&>"]["y"]
    assert boxes["app<&>"]["x"] == pytest.approx(
        boxes["encodings"]["x"] + boxes["encodings"]["width"], abs=0.2
    )
    assert all(box["x"] + box["width"] <= WIDTH for box in boxes.values())
    height = float(root.attrib["height"])
    assert all(box["y"] + box["height"] <= height for box in boxes.values())
    labels = [text.text for text in root.iter(f"{SVG}text")]
    assert "app.core" in labels


def test_modules_of_a_package_have_one_colour() -> None:
    root = ET.fromstring(flame_graph("app", PROFILE, Path("x.svg")))
    colours = {
        (group.findtext(f"{SVG}title") or "").partition(":")[0]: rect.attrib["class"]
        for group in root.findall(f"{SVG}g")
        for rect in group.findall(f"{SVG}rect")
    }
    assert colours["app"] == "all"
    assert colours["app.core"] != "all"


def test_a_profile_without_times_is_drawn() -> None:
    for ending in ("svg", "html"):
        assert "nothing" in flame_graph("nothing", EMPTY, Path(f"x.{ending}"))


class _Script(HTMLParser):
    """Finds the tree in the page."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = False
        self.text = ""
        self.sources: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag == "script" and ("id", "tree") in attrs
        self.sources += [value for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data: str) -> None:
        self.text += data if self.inside else ""

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "script"


def test_html() -> None:
    page = flame_graph("a</script>", PROFILE, Path("x.html"))
    parser = _Script()
    parser.feed(page)
    assert parser.sources == []
    name, own, hue, children = json.loads(parser.text)
    assert (name, own, hue) == ("a</script>", 0, -1)
    assert [child[0] for child in children] == ["encodings", "app<&>", "(child processes)"]
    assert "<title>a&lt;/script&gt;: where" in page
    assert not re.search("@[A-Z]+@", page)


def test_other_formats_are_refused() -> None:
    check_format(Path("a.svg"))
    with pytest.raises(OutputError, match=r"cannot draw a\.png: its name ends in neither"):
        check_format(Path("a.png"))
