"""reStructuredText to HTML with the packed style sheet, to LaTeX, and in German."""

from docutils.core import publish_parts, publish_string

TEXT = "Title\n=====\n\nA *word* and a |date|.\n\n.. |date| replace:: day\n\n.. achtung:: Vorsicht\n"


def main():
    parts = publish_parts(TEXT, writer="html5", settings_overrides={"language_code": "de"})
    assert parts["title"] == "Title" and "<em>word</em> and a day" in parts["body"]
    assert "Achtung!" in parts["body"]
    assert ".docutils" in parts["stylesheet"]
    latex = publish_string(TEXT, writer="latex", settings_overrides={"language_code": "de"})
    assert b"\\emph{word}" in latex
    print("as expected")
