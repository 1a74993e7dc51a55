"""Count the words of files."""

import argparse
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table


def main():
    parser = argparse.ArgumentParser(prog="tally", description=__doc__)
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path)
    parser.add_argument("--top", type=int, default=5, help="how many words to show (default: %(default)s)")
    arguments = parser.parse_args()
    words = Counter(word.lower() for file in arguments.files for word in file.read_text().split())
    table = Table("word", "times")
    for word, times in words.most_common(arguments.top):
        table.add_row(word, str(times))
    Console().print(table)
