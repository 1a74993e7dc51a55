"""The forms of strings in the settings, and what they stand for."""

from __future__ import annotations

import re
from pathlib import Path

from packaging.utils import canonicalize_name

from oxidize_build.settings.constraints import Keys, Text
from oxidize_build.settings.place import Context, RefusedError
from oxidize_build.settings.suggestions import did_you_mean, listed
from oxidize_build.settings.values import Callback, EntryPoint

OWN_BACKEND = "oxidize_build.build_meta"
OWN_BACKENDS = (OWN_BACKEND, "oxidize_build")  # the first is the one that we write

_IDENTIFIER = r"[^\W\d]\w*"
_DOTTED = rf"{_IDENTIFIER}(?:\.{_IDENTIFIER})*"
_SPACED = rf"{_IDENTIFIER}(?:\s*\.\s*{_IDENTIFIER})*"
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_VERSION = r"(?:===?|~=|!=|<=?|>=?)\s*[^\s,;()<>=!~]+"
_VERSIONS = rf"{_VERSION}(?:\s*,\s*{_VERSION})*\s*,?"
_INSIDE = r"(?!/)(?!(?:.*/)?\.\.(?:/|$)).*\S.*"


def read_entry_point(text: str) -> tuple[EntryPoint, tuple[str, ...]]:
    """Return what *text*, ``module:attribute [extra, ...]``, calls, and its extras."""
    reference, _, extras = text.partition("[")
    module, attribute = ("".join(part.split()) for part in reference.split(":"))
    return EntryPoint(module, attribute), normalized(extras.rstrip("] \t").split(","))


def normalized(names: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of extras in the one spelling that PEP 685 gives them, each once, sorted."""
    return tuple(sorted({canonicalize_name(name.strip()) for name in names if name.strip()}))


def _entry_point(text: str, _context: Context) -> object:
    return read_entry_point(text)


def _requirement(text: str, _context: Context) -> str:
    from packaging.requirements import (  # noqa: PLC0415 - only projects that use it pay for the import
        InvalidRequirement,
        Requirement,
    )

    try:
        Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).partition("\n")[0]
        raise RefusedError(f"expected {REQUIREMENT.expected}: {reason}") from None
    return text


def _extra(text: str, context: Context) -> str:
    metadata = _table(context.pyproject.get("project"))
    known = _table(metadata.get("optional-dependencies"))
    dynamic = metadata.get("dynamic")
    told_later = isinstance(dynamic, list) and "optional-dependencies" in dynamic
    if metadata and not told_later:
        return _one_of(text, known, "project.optional-dependencies")
    return canonicalize_name(text)


def _group(text: str, context: Context) -> str:
    return _one_of(text, _table(context.pyproject.get("dependency-groups")), "dependency-groups")


def _one_of(text: str, known: dict[str, object], table: str) -> str:
    names = {canonicalize_name(name) for name in known}
    name = canonicalize_name(text)
    if name not in names:
        raise RefusedError(f"which is not in {table}; allowed: {listed(names)}{did_you_mean(name, names)}")
    return name


def _table(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _any_path(text: str, context: Context) -> Path:
    return context.project / text


def _path(text: str, context: Context) -> Path:
    """Return the path of a file or directory of the project, which links must not lead out of it."""
    path = (context.project / text).resolve()
    if not path.is_relative_to(context.project):
        raise RefusedError(f"expected {FILE.expected}")
    return path


def _file(text: str, context: Context) -> Path:
    path = _path(text, context)
    if context.check_files and not path.is_file():
        raise RefusedError(f"but the project has no such file{_near(path)}")
    return path


def _directory(text: str, context: Context) -> Path:
    path = _path(text, context)
    if context.check_files and not path.is_dir():
        raise RefusedError(f"but the project has no such directory{_near(path)}")
    return path


def _near(path: Path) -> str:
    parent = path.parent
    return did_you_mean(path.name, [entry.name for entry in parent.iterdir()] if parent.is_dir() else [])


def _callback(text: str, context: Context) -> Callback:
    file, _, function = text.rpartition(":")
    return Callback(_file(file, context), function)


ENTRY_POINT = Text(
    "'package.module:function', or that followed by '[extra, ...]'",
    rf"\s*{_SPACED}\s*:\s*{_SPACED}\s*(?:\[[^\[\]]*\]\s*)?",
    _entry_point,
)
FUNCTION = Text("'package.module:function'", rf"{_DOTTED}:{_IDENTIFIER}")
MODULE = Text("the dotted name of a module or package", _DOTTED)
MODULE_PATTERN = Text(
    "the dotted name of a module, in which '*' stands for any text",
    r"(?:\*|[^\W\d])[\w*]*(?:\.[\w*]+)*",
)
WHEEL_BACKEND = Text(
    "'package.module' or 'package.module:object' of the backend that makes the wheel, not this one",
    rf"(?!(?:{'|'.join(map(re.escape, OWN_BACKENDS))})(?::|$)){_DOTTED}(?::{_DOTTED})?",
)
EXTRA = Text("the name of an extra", _NAME, _extra)
GROUP = Text("the name of a dependency group", _NAME, _group)
REQUIREMENT = Text(
    "a requirement such as 'name>=1' (PEP 508)",
    rf"\s*{_NAME}\s*(?:\[[^\]]*\]\s*)?(?:@\s*\S.*|\(?\s*(?:{_VERSIONS})?\s*\)?\s*(?:;.*)?)",
    _requirement,
)
FILE = Text("a path inside the project, relative to pyproject.toml", _INSIDE, _file)
LOCK = Text(
    "the path of 'pylock.toml' or 'pylock.NAME.toml' inside the project",
    r"(?!/)(?!(?:.*/)?\.\.(?:/|$))(?:.*/)?pylock(?:\.[^./]+)?\.toml",
    _path,
    ("pylock.toml",),
)
PROFILE = Text(
    "the path of a '.json' file inside the project",
    r"(?!/)(?!(?:.*/)?\.\.(?:/|$)).*\.json",
    _path,
    ("oxidize-profile.json",),
)
VARIABLE = Text("the name of an environment variable", r"[A-Za-z_][A-Za-z0-9_]*")
DIRECTORY = Text(FILE.expected, _INSIDE, _directory)
PATTERN = Text("a path or pattern inside the project, relative to pyproject.toml", _INSIDE)
PLACE = Text("a relative path of a directory in the executable's tree", _INSIDE)
ANY_PATH = Text("a path", r".*\S.*", _any_path)
CALLBACK = Text("'file.py:function', a path inside the project", rf"{_INSIDE}\.py:{_IDENTIFIER}", _callback)
RUNTIME = Text(
    "'host', a version such as '3.14', a table with 'path', or one with 'url' and 'sha256'",
    r"host|3\.\d+(?:\.\d+)?(?:(?:a|b|rc)\d+)?t?",
    examples=("host",),
)
URL = Text("an URL that begins with 'https://', 'http://' or 'file://'", r"(?:https?|file)://\S+")
SHA256 = Text("64 hexadecimal digits", r"[0-9A-Fa-f]{64}")
GLIBC = Text("a version such as '2.17'", r"2\.\d+")

EXECUTABLE_NAMES = Keys("NAME", "a file name", r"(?!-)(?!\.{1,2}$)(?=.*\S)[^/\\\x00\n]{1,200}")
TARGET_NAMES = Keys("NAME", "letters, digits, '.', '_' and '-'", r"[A-Za-z0-9][A-Za-z0-9._-]*")
