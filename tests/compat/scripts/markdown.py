"""HTML with extensions found by their entry points."""

import markdown


def main():
    text = "# T\n\n[TOC]\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nx\n```\n\nNote[^1]\n\n[^1]: foot\n"
    page = markdown.markdown(text, extensions=["tables", "fenced_code", "toc", "footnotes", "extra"])
    for part in ("<table>", 'class="language-python"', 'class="toc"', 'class="footnote"', '<h1 id="t">'):
        assert part in page, part
    print("as expected")
