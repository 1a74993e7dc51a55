"""A picture of where the time of imports goes, which needs nothing but itself: SVG, or an HTML page.

Time goes from left to right, in order of import, and each module stands below the one that imported it. The
standard library has one colour, and so has each of the packages that take most of the time.
"""

from __future__ import annotations

import html
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from oxidize_build.errors import OutputError
from oxidize_build.page import fill_page
from oxidize_build.profile import Profile

WIDTH = 1200
"""Of an SVG, in pixels, and so are the following."""
ROW = 19
_HEAD = 66
_MARGIN = 10
_NARROWEST = 0.4
"""What is narrower is not drawn."""
_CHARACTER = 6.7
_CHILDREN = "(child processes)"

_LIGHT = ("#bfc6cd", "#86b2e0", "#97cd97", "#e3b184", "#bda5dc", "#d9cf7c", "#e29fa8", "#8fcfc8", "#c9b79c")
_DARK = ("#4b535b", "#2f5f92", "#35703a", "#80502a", "#5c4287", "#6f6420", "#84404b", "#2c6f69", "#655640")
"""By hue: the standard library, packages by the time that they take, all others."""
STDLIB = "standard library"
OTHERS = "others"
_NEWER = frozenset(
    {
        *("_android_support", "_apple_support", "_ast_unparse", "_colorize", "_hmac", "_interpchannels"),
        *("_interpqueues", "_interpreters", "_ios_support", "_opcode_metadata", "_py_warnings"),
        *("_pydatetime", "_pylong", "_pyrepl", "_remote_debugging", "_sha2", "_suggestions", "_sysconfig"),
        *("_types", "_zstd", "annotationlib", "compression"),
    }
)
"""Modules of the standard library that an older Python, which draws the picture, does not know."""


def _style() -> str:
    return f"""
svg {{ font: 12px system-ui, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif; }}
.page {{ fill: #ffffff; }} text {{ fill: #1c2128; }} .quiet {{ fill: #5a6470; }}
rect {{ stroke: #ffffff; stroke-width: .6; }} .all {{ fill: #e3e7eb; }}
{_fills(_LIGHT)}
@media (prefers-color-scheme: dark) {{
.page {{ fill: #14171b; }} text {{ fill: #e8ebee; }} .quiet {{ fill: #9aa4af; }}
rect {{ stroke: #14171b; }} .all {{ fill: #2b3138; }}
{_fills(_DARK)}
}}
"""


def _fills(colours: Iterable[str]) -> str:
    return " ".join(f".h{hue} {{ fill: {colour}; }}" for hue, colour in enumerate(colours))


@dataclass(slots=True)
class Frame:
    """A module, and those that it has imported."""

    name: str
    own: int = 0
    """In microseconds."""
    children: list[Frame] = field(default_factory=list)
    """In order of import."""
    total: int = 0
    """Own time and that of the children, in microseconds."""


def check_format(output: Path) -> None:
    """Raise OutputError unless *output* has the ending of a format that there is."""
    if output.suffix not in {".svg", ".html"}:
        raise OutputError(f"cannot draw {output}: its name ends in neither .svg nor .html")


def flame_graph(name: str, profile: Profile, output: Path) -> str:
    """Return the picture of *profile*, of the executable *name*, in the format that *output* ends in."""
    root = frames(name, profile)
    return _page(root) if output.suffix == ".html" else _svg(root)


def frames(name: str, profile: Profile) -> Frame:
    """Return the tree of imports of the executable *name*.

    What only child processes have imported stands in a frame of its own.
    """
    root, children = Frame(name), Frame(_CHILDREN)
    known: dict[tuple[bool, str | None], Frame] = {}
    for module in profile.modules:
        frame = known[module.child, module.name] = Frame(module.name, module.own)
        # Within what the main process did, the time of a child does not count
        parent = known.get((module.child, module.parent)) or (children if module.child else root)
        parent.children.append(frame)
    if children.children:
        root.children.append(children)
    _add_up(root)
    return root


def _add_up(frame: Frame) -> int:
    frame.total = frame.own + sum(map(_add_up, frame.children))
    return frame.total


def _package(name: str) -> str:
    top = name.partition(".")[0]
    return STDLIB if top in sys.stdlib_module_names or top in _NEWER else top


@dataclass(frozen=True, slots=True)
class Hues:
    """The colours of packages."""

    packages: dict[str, int]
    """Number of the colour of those that have one of their own."""

    @classmethod
    def of(cls, root: Frame) -> Hues:
        """Return the colours for the tree *root*."""
        times: Counter[str] = Counter()
        for frame in _all(root):
            if frame is not root and frame.name != _CHILDREN:
                times[_package(frame.name)] += frame.own
        times.pop(STDLIB, None)
        longest = sorted(times, key=lambda package: (-times[package], package))[: len(_LIGHT) - 2]
        return cls({STDLIB: 0, **{package: number for number, package in enumerate(longest, 1)}})

    def hue(self, name: str) -> int:
        """Return the number of the colour of the module *name*."""
        return self.packages.get(_package(name), len(_LIGHT) - 1)

    def legend(self, root: Frame) -> dict[str, int]:
        """Return the colours that the picture of *root* has, with what they stand for."""
        used = {self.hue(frame.name) for frame in _all(root) if frame is not root}
        named = {**self.packages, OTHERS: len(_LIGHT) - 1}
        return {name: hue for name, hue in named.items() if hue in used}


def _all(frame: Frame) -> Iterator[Frame]:
    yield frame
    for child in frame.children:
        yield from _all(child)


def _milliseconds(microseconds: int) -> str:
    return f"{microseconds / 1000:.2f} ms" if microseconds < 10_000 else f"{microseconds / 1000:.0f} ms"


# --- SVG -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Box:
    frame: Frame
    x: float
    width: float
    depth: int


def _boxes(frame: Frame, x: float, scale: float, depth: int = 0) -> Iterator[_Box]:
    yield _Box(frame, x, frame.total * scale, depth)
    for child in frame.children:
        if child.total * scale >= _NARROWEST:
            yield from _boxes(child, x, scale, depth + 1)
        x += child.total * scale


def _svg(root: Frame) -> str:
    scale = (WIDTH - 2 * _MARGIN) / max(root.total, 1)
    boxes = list(_boxes(root, _MARGIN, scale))
    height = _HEAD + ROW * (1 + max(box.depth for box in boxes)) + _MARGIN
    title = f"{root.name}: where the time of imports goes"
    hues = Hues.of(root)
    size = f'width="{WIDTH}" height="{height}"'
    told = (
        f"{_milliseconds(root.total)}, in order of import; each module stands below the one that imported it"
    )
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {size} role="img">',
        f"<title>{_escaped(title)}</title>",
        f"<style>{_style()}</style>",
        f'<rect class="page" {size}/>',
        f'<text x="{_MARGIN}" y="20" style="font-size: 16px; font-weight: 600">{_escaped(title)}</text>',
        f'<text class="quiet" x="{_MARGIN}" y="37">{told}</text>',
    ]
    lines += _legend(hues.legend(root))
    lines += (_drawn(box, root, hues) for box in boxes)
    return "\n".join([*lines, "</svg>", ""])


def _legend(legend: dict[str, int]) -> Iterator[str]:
    x: float = _MARGIN
    for name, hue in legend.items():
        yield f'<rect class="h{hue}" x="{x:.0f}" y="46" width="11" height="11"/>'
        yield f'<text class="quiet" x="{x + 15:.0f}" y="56">{_escaped(name)}</text>'
        x += 30 + _CHARACTER * len(name)


def _drawn(box: _Box, root: Frame, hues: Hues) -> str:
    frame, y = box.frame, _HEAD + ROW * box.depth
    of_all = frame is root or frame.name == _CHILDREN
    share = 100 * frame.total / max(root.total, 1)
    told = f"{frame.name}: {_milliseconds(frame.total)}, {share:.1f} %, own {_milliseconds(frame.own)}"
    shape = (
        f'<g><title>{_escaped(told)}</title><rect class="{"all" if of_all else f"h{hues.hue(frame.name)}"}" '
        f'x="{box.x:.1f}" y="{y}" width="{box.width:.1f}" height="{ROW}"/>'
    )
    text = _fitted(frame.name, box.width - 6)
    label = f'<text x="{box.x + 3:.1f}" y="{y + 14}">{_escaped(text)}</text>' if text else ""
    return f"{shape}{label}</g>"


def _fitted(text: str, width: float) -> str:
    room = int(width / _CHARACTER)
    if len(text) <= room:
        return text
    return "" if room < 4 else f"{text[: room - 1]}…"


def _escaped(text: str) -> str:
    return html.escape("".join(character if character.isprintable() else "?" for character in text))


# --- HTML ------------------------------------------------------------------------------------

Node: TypeAlias = list[object]
"""``[name, own, hue, children]``; -1 is the hue of what is no module."""


def _page(root: Frame) -> str:
    hues = Hues.of(root)
    title = f"{root.name}: where the time of imports goes"
    return fill_page("flame.html", title, tree=_node(root, root, hues), legend=hues.legend(root))


def _node(frame: Frame, root: Frame, hues: Hues) -> Node:
    hue = -1 if frame is root or frame.name == _CHILDREN else hues.hue(frame.name)
    return [frame.name, frame.own, hue, [_node(child, root, hues) for child in frame.children]]
