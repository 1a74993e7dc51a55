"""Executes the code that it is given."""

import sys


def main():
    exec(sys.argv.pop(1), {"__name__": "__main__"})
