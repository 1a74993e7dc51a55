"""A site made with a theme that is found by its entry point"""

from pathlib import Path

from mkdocs.commands.build import build
from mkdocs.config import load_config


def main():
    Path("docs").mkdir()
    Path("docs/index.md").write_text("# Hello\n\n!!! note\n    Text\n")
    Path("mkdocs.yml").write_text("site_name: Site\ntheme: readthedocs\nmarkdown_extensions: [admonition]\n")
    build(load_config("mkdocs.yml"))
    page = Path("site/index.html").read_text()
    assert '<h1 id="hello">Hello</h1>' in page and 'class="admonition note"' in page
    assert Path("site/css/theme.css").stat().st_size > 1000
    assert "Hello" in Path("site/search/search_index.json").read_text()
    print("as expected")
