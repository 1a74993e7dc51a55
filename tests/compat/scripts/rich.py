"""A table, Markdown, highlighted code and a traceback as text."""

import io

from rich.console import Console
from rich.markdown import Markdown
from rich.syntax import Syntax
from rich.table import Table


def main():
    console = Console(file=io.StringIO(), width=60, force_terminal=True, color_system="truecolor")
    table = Table("name", "value")
    table.add_row("answer", "[bold]42[/bold] :rocket:")
    console.print(table)
    console.print(Markdown("# Title\n\n* item\n"))
    console.print(Syntax("def f(): pass", "python"))
    try:
        {}["missing"]
    except KeyError:
        console.print_exception()
    text = console.file.getvalue()
    for part in ("answer", "\x1b[1m42\x1b[0m", "🚀", "Title", "def", "KeyError", "missing"):
        assert part in text, part
    assert '{}["missing"]' in __import__("re").sub(r"\x1b\[[0-9;]*m", "", text)
    print("as expected")
