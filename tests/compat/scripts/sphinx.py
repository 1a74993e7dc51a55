"""A page with autodoc, a theme and a search index."""

import json
import sys
from pathlib import Path

from sphinx.cmd.build import build_main

INDEX = """
Manual
======

.. automodule:: documented
   :members:

.. code-block:: python

   print("hello")

:func:`documented.double` and `a link <https://example.org>`__.
"""


def main():
    sys.path.insert(0, str(Path.cwd()))
    Path("documented.py").write_text('def double(x: int) -> int:\n    """Twice *x*."""\n    return 2 * x\n')
    source = Path("source")
    source.mkdir()
    (source / "conf.py").write_text(
        "project = 'Manual'\nextensions = ['sphinx.ext.autodoc']\nlanguage = 'de'\nhtml_theme = 'alabaster'\n"
    )
    (source / "index.rst").write_text(INDEX)
    assert build_main(["-q", "-W", "-b", "html", str(source), "out"]) == 0
    page = Path("out/index.html").read_text()
    assert "<p>Twice <em>x</em>.</p>" in page, page
    assert 'class="highlight-python notranslate"' in page
    assert "Suche" in page
    assert Path("out/_static/alabaster.css").stat().st_size > 1000
    assert (
        "index"
        in json.loads(Path("out/searchindex.js").read_text()[len("Search.setIndex(") : -1])["docnames"]
    )
    print("as expected")
