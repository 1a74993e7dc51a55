"""A picture of where the bytes of an executable go: an HTML page that needs nothing but itself."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import TypeAlias

from oxidize_build.contents import Contents, Entry, Folder, Part, folders

_PAGE = Path(__file__).with_name("treemap.html")
_PARTS = tuple(Part)
_OUTSIDE_THE_TREE = {Part.STUB: "(interpreter)", Part.INDEX: "(index)", Part.SNAPSHOT: "(snapshot)"}
Node: TypeAlias = list[object]
"""``[name, size, part]`` for a file, and its content's size if that is compressed; ``[name, size, children]``
for a directory."""


def treemap(name: str, contents: Contents) -> str:
    """Return the page about the executable *name*: by distribution, and below that by directory."""
    packages: dict[str, list[Entry]] = {}
    for entry in contents.entries:
        packages.setdefault(entry.package, []).append(entry)
    sizes = contents.parts()
    children = [
        _node(package, folders(entries), is_top=True) for package, entries in sorted(packages.items())
    ]
    children += [
        [name, sizes[part], _PARTS.index(part)] for part, name in _OUTSIDE_THE_TREE.items() if part in sizes
    ]
    root: Node = [name, contents.total, children]
    page = _PAGE.read_text(encoding="utf-8")
    # Each text is put in once, and none of them is looked through for the other marks
    before, _, rest = page.partition("@TITLE@")
    between, _, rest = rest.partition("@TREE@")
    last, _, after = rest.partition("@PARTS@")
    title = html.escape(f"{name}: where the bytes go")
    return "".join((before, title, between, _json(root), last, _json(_PARTS), after))


def _json(value: object) -> str:
    """Return *value* as JSON that may stand in a script element."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")


def _leaf(entry: Entry) -> Node:
    leaf: Node = [entry.path.name, entry.size, _PARTS.index(entry.part)]
    return leaf if entry.content_size is None else [*leaf, entry.content_size]


def _node(name: str, folder: Folder, *, is_top: bool = False) -> Node:
    """Return *folder* for the page; folders that hold one folder alone are put together with it."""
    while len(folder.folders) == 1 and not folder.files:
        ((only, folder),) = folder.folders.items()
        name = name if is_top else f"{name}/{only}"
    children: list[Node] = [_node(key, below) for key, below in sorted(folder.folders.items())]
    children += [_leaf(entry) for entry in folder.files]
    return [name, folder.size, children]
