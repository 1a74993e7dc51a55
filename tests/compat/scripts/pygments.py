"""Every lexer, style and formatter found by name; code as HTML."""

from pygments import highlight
from pygments.formatters import HtmlFormatter, TerminalFormatter, get_all_formatters, get_formatter_by_name
from pygments.lexers import get_all_lexers, get_lexer_by_name, guess_lexer
from pygments.styles import get_all_styles, get_style_by_name


def main():
    assert '<span class="k">def</span>' in highlight(
        "def f(): pass", get_lexer_by_name("python"), HtmlFormatter()
    )
    assert "\x1b[" in highlight("int x;", get_lexer_by_name("c"), TerminalFormatter())
    lexers = list(get_all_lexers())
    assert len(lexers) > 400
    for _, aliases, _, _ in lexers[::10]:
        if aliases:
            get_lexer_by_name(aliases[0])
    for style in get_all_styles():
        get_style_by_name(style)
    assert len(list(get_all_formatters())) > 10 and get_formatter_by_name("latex")
    assert guess_lexer("#!/usr/bin/python\nprint()").name == "Python"
    print("as expected")
