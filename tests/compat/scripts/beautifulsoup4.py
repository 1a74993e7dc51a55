"""Broken HTML read by three parsers; selectors."""

from bs4 import BeautifulSoup


def main():
    text = "<ul><li class=a>one<li>two</ul><p>&auml;"
    for parser in ("html.parser", "lxml", "html5lib"):
        soup = BeautifulSoup(text, parser)
        assert soup.select_one("li.a").find(string=True) == "one", parser
        assert soup.p.text == "ä" and len(soup.select("ul li")) == 2, parser
    assert BeautifulSoup("<a><b/></a>", "xml").b.name == "b"
    assert BeautifulSoup("ä".encode("latin-1"), "html.parser").original_encoding
    print("as expected")
