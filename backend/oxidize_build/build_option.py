"""The option ``--executable [NAME]`` of ``python -m build``.

The command line of ``build`` is that of its own parser, made in its ``main``, and there is nothing to
register with: so the parser is met in ``ArgumentParser.parse_args``. From there on ``build``'s own ``main``
does the work, with every option that it has. It writes to a directory of ours inside the real one, from which
what was asked for is moved when all of it is there.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn, TextIO, TypeAlias, cast

from oxidize_build.beside import companions
from oxidize_build.build_flag import OPTION, asks_for_executable
from oxidize_build.config_settings import ALL, EXECUTABLE, OUTPUT
from oxidize_build.errors import SettingsError
from oxidize_build.hook_errors import readable_errors
from oxidize_build.output_directory import results, write_report
from oxidize_build.settings.build_system import OWN_BACKEND, read_build_system
from oxidize_build.staging import deliver, staging

GROUP = "build options"
HELP = (
    "build executables, and keep no distributions unless ``--sdist`` or ``--wheel`` is passed. NAME is one "
    "of the project's scripts (defaults to all); the option can be provided multiple times. Write "
    "``--executable=NAME`` if NAME could be taken for the source directory"
)

ParseArgs: TypeAlias = Callable[..., Any]
_Parsed: TypeAlias = Any
"""A namespace of argparse: it has what build's options say."""


def parse_command_line(
    parse_args: ParseArgs, parser: argparse.ArgumentParser, args: Iterable[str] | None, namespace: object
) -> object:
    """Stand in for ``ArgumentParser.parse_args``, which is *parse_args*.

    Does not return when *parser* is that of ``build`` and *args* have the option: the build has then ended.
    """
    known = parser._option_string_actions  # noqa: SLF001 (argparse has no public way to ask)
    if not {"--outdir", "--sdist", "--wheel", "--no-isolation"} <= known.keys():
        return parse_args(parser, args, namespace)
    _add_option(parser)
    words = list(sys.argv[1:] if args is None else args)
    parsed = parse_args(parser, mark_source_directory(words), namespace)
    if not parsed.executables:
        return parsed
    if getattr(parsed, "metadata", False):
        parser.error(f"{OPTION}: not allowed with --metadata")
    return _build(parser, parsed)


def _add_option(parser: argparse.ArgumentParser) -> None:
    groups = {group.title: group for group in parser._action_groups}  # noqa: SLF001 (nor this)
    groups.get(GROUP, parser).add_argument(
        OPTION, dest="executables", action="append", nargs="?", const=ALL, metavar="NAME", help=HELP
    )


def mark_source_directory(words: list[str]) -> list[str]:
    """Return the command line *words* with ``--executable DIRECTORY`` as ``--executable=all DIRECTORY``.

    The optional NAME would swallow the source directory otherwise.
    """
    marked = list(words)
    for index, (word, following) in enumerate(pairwise(words)):
        if word == "--":
            break
        if asks_for_executable(word) and "=" not in word and is_source_directory(following):
            marked[index] = f"{OPTION}={ALL}"
    return marked


def is_source_directory(word: str) -> bool:
    """Tell whether *word* is meant as a path, not as the name of an executable."""
    separators = {os.sep, os.altsep or os.sep}
    if word in {os.curdir, os.pardir} or any(separator in word for separator in separators):
        return True
    return any(Path(word, file).is_file() for file in ("pyproject.toml", "setup.py"))


@readable_errors()
def _build(parser: argparse.ArgumentParser, args: _Parsed) -> NoReturn:
    source = Path(args.srcdir)
    if source.is_dir():
        _check_backend(source)
    outdir = Path(args.outdir or _default_outdir(source)).absolute()
    asked = frozenset(args.distributions or ())
    report, args.report = getattr(args, "report", None), None
    with staging(outdir) as directory:
        # The wheel that the executables are made of is built straight from the source directory: an sdist in
        # between would take a second environment, and be thrown away
        args.distributions = [*(["sdist"] if "sdist" in asked else []), "wheel"]
        args.outdir = os.fspath(directory)
        _add_config_settings(args, directory)
        _run_build(parser, args)
        kept = results(directory, asked)
        written = deliver([*kept, *companions(directory)], outdir)[: len(kept)]
    if report:
        write_report(Path(report), written)
    if args.verbosity >= -1:
        for path in written:
            print(f"Successfully built {_short(path)}")  # noqa: T201 (said where and as build says it)
    raise SystemExit(0)


def _check_backend(project: Path) -> None:
    found = "none"
    if (project / "pyproject.toml").exists():
        system = read_build_system(project)
        if system.is_own:
            return
        found = repr(system.backend)
    raise SettingsError(
        f"{OPTION}: the build backend of {project} is {found}, which cannot build executables",
        hint=(
            "write in pyproject.toml\n"
            "    [build-system]\n"
            '    requires = ["oxidize-build"]\n'
            f'    build-backend = "{OWN_BACKEND}"\n'
            "    [tool.oxidize]\n"
            f"    wheel-backend = {_quoted(found)}"
        ),
    )


def _quoted(backend: str) -> str:
    return '"setuptools.build_meta"' if backend == "none" else backend.replace("'", '"')


def _default_outdir(source: Path) -> Path:
    return source.absolute().parent if source.is_file() else source / "dist"


def _add_config_settings(args: _Parsed, outdir: Path) -> None:
    if getattr(args, "config_json", None):
        try:
            settings = json.loads(args.config_json)
        except ValueError:
            return  # build itself says what is wrong with it
        if isinstance(settings, dict):
            ours = {EXECUTABLE: args.executables, OUTPUT: os.fspath(outdir)}
            args.config_json = json.dumps(settings | ours)
        return
    asked = [f"{EXECUTABLE}={name}" for name in args.executables]
    args.config_settings = [*(args.config_settings or []), *asked, f"{OUTPUT}={outdir}"]


def _run_build(parser: argparse.ArgumentParser, args: object) -> None:
    from build import __main__ as program  # noqa: PLC0415 (the running one is not known by this name)

    # Its main makes a parser and has it parse; here, that has been done. (Not how mypy knows a parser)
    parser.parse_args = lambda *_: args  # type: ignore[method-assign,assignment]  # see above
    program.main_parser = lambda: parser
    with _without_last_word():
        program.main([], parser.prog)


class _WithoutLastWord:
    """Standard output less the line in which build names its distributions, of which some are not kept."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._dropped = False

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        ends_dropped = self._dropped and text == "\n"
        self._dropped = "Successfully built" in text
        return len(text) if self._dropped or ends_dropped else self._stream.write(text)


@contextmanager
def _without_last_word() -> Iterator[None]:
    with redirect_stdout(cast("TextIO", _WithoutLastWord(sys.stdout))):
        yield


def _short(path: Path) -> str:
    here = Path.cwd()
    return os.fspath(path.relative_to(here) if path.is_relative_to(here) else path)
