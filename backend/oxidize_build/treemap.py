"""A picture of where the bytes of an executable go: an HTML page that needs nothing but itself."""

from __future__ import annotations

from typing import TypeAlias

from oxidize_build.contents import Contents, Entry, Folder, Part, folders
from oxidize_build.page import fill_page

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
    return fill_page("treemap.html", f"{name}: where the bytes go", tree=root, parts=_PARTS)


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
