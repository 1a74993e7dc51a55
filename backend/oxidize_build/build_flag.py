"""Asks at every start of Python whether this is ``python -m build --executable``.

``build`` has no plugins, and parses its command line before any of a project's requirements exist. So the
option is brought by a ``.pth`` file (a ``.start`` file from Python 3.15 on, PEP 829), which each start of
Python reads. What is asked here must cost next to nothing: this module imports nothing but ``sys``.
"""

import sys

OPTION = "--executable"
FLAGS = "?bBdEhiIOPqRsStuvVx"
"""The interpreter's options of one letter that take no value."""


def activate() -> None:
    """Teach ``build`` the option if this process runs it, with that option or with ``-h``."""
    words = arguments_of_build(sys.orig_argv)
    if any(word in {"-h", "--help"} or asks_for_executable(word) for word in words):
        _hook()


def _hook() -> None:
    import argparse  # noqa: PLC0415 (see above)

    parse_args = argparse.ArgumentParser.parse_args
    if parse_args.__module__ == __name__:
        return  # in a virtual environment, site reads each .pth file twice

    def parse_args_of_build(
        parser: argparse.ArgumentParser, args: list[str] | None = None, namespace: object = None
    ) -> object:
        from oxidize_build.build_option import (  # noqa: PLC0415 (sys.path is incomplete while .pth files are read)
            parse_command_line,
        )

        return parse_command_line(parse_args, parser, args, namespace)

    # For any namespace, of which there are several overloads
    argparse.ArgumentParser.parse_args = parse_args_of_build  # type: ignore[method-assign,assignment]  # see above


def asks_for_executable(word: str) -> bool:
    """Tell whether *word* is the option, alone or with ``=NAME``, perhaps abbreviated as argparse allows."""
    return word.startswith("--exec") and OPTION.startswith(word.partition("=")[0])


def arguments_of_build(orig_argv: list[str]) -> list[str]:
    """Return the arguments of ``python [option ...] -m build [argument ...]``, none for any other command.

    *orig_argv* is ``sys.orig_argv``: at this moment ``sys.argv`` has only ``-m``.
    https://docs.python.org/3/using/cmdline.html
    """
    words = iter(orig_argv[1:])
    for word in words:
        if word == "--check-hash-based-pycs":
            next(words, None)
        elif not word.startswith("-") or word == "-":
            return []
        elif not word.startswith("--"):
            # Of letters in one word, such as -Im, the first that takes a value takes the rest of the word
            value = word[1:].lstrip(FLAGS)
            if not value:
                continue
            argument = value[1:] or next(words, "")
            if value[0] in {"c", "m"}:
                return list(words) if value[0] == "m" and argument == "build" else []
    return []
