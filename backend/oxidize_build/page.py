"""HTML pages with a picture to zoom into, each one file that needs nothing but itself."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

_SCRIPT = "page.js"
"""What the scripts of all pages begin with."""
_MARK = re.compile(r"@([A-Z]+)@")


def fill_page(template: str, title: str, **values: object) -> str:
    """Return the page of *template*, a file beside this one.

    The *title* takes the place of ``@TITLE@`` there, the script that pages share that of ``@SCRIPT@``, and
    each of *values*, as JSON, that of its name: *tree* that of ``@TREE@``.
    """
    folder = Path(__file__).parent
    texts = {name.upper(): _json(value) for name, value in values.items()}
    texts |= {"TITLE": html.escape(title), "SCRIPT": (folder / _SCRIPT).read_text(encoding="utf-8")}
    # In one pass: what has been put in is not looked through for other marks
    return _MARK.sub(lambda mark: texts[mark[1]], (folder / template).read_text(encoding="utf-8"))


def _json(value: object) -> str:
    """Return *value* as JSON that may stand in a script element."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
