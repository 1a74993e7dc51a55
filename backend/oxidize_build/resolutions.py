"""What pip has chosen, for builds that follow soon and ask for the same.

pip needs longer to find out that nothing has changed than all else takes when one line of a project has. So
its choice is kept for ten minutes, as long as an index usually lets its own pages be kept, and used for
builds that ask for the same in the same surroundings: requirements, files of requirements, the runtime,
pip and its configuration. What can be compared is: files and directories of this machine in which pip looks
must be as they were. A choice is not kept at all if it depends on what cannot be told from its name, such as
a directory or a repository from which a wheel is built, or if pip is to use no cache.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import sys
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

from packaging.metadata import parse_email
from packaging.requirements import InvalidRequirement, Requirement

from oxidize_build.cache import Cache, cache_key, is_sealed
from oxidize_build.progress import note

KIND = "resolutions"
"""Kind of cache entry: JSON of the wheels, of what was around, and of when that was."""
LIFETIME = 600.0
"""Seconds."""
REQUIRES = "requires: "

Wheels: TypeAlias = Mapping[str, Path]
"""By the normalised name of the distribution; entries of the cache."""

_HASH = re.compile(r"\s--hash[= ]\S+")
_METADATA = re.compile(r"[^/]+\.dist-info/METADATA")
_NO_CACHE = re.compile(r"^\s*no-cache-dir\s*[=:]", re.MULTILINE)
_NAMES_FILES = ("PIP_", "XDG_CONFIG_")


@dataclass(frozen=True, slots=True)
class Question:
    """What pip is asked."""

    project: Sequence[str]
    """What counts of the project's metadata; what it requires begins with :data:`REQUIRES`."""
    arguments: Sequence[str]
    """What it is asked for beside the project."""
    about: str
    """What is asked for, as the beginning of a sentence."""
    interpreter: Sequence[str]
    """What tells the one for which it is asked."""
    cwd: Path

    @property
    def is_plain(self) -> bool:
        """Whether the answer can be kept: names and versions, and wheels, are all that is asked for."""
        if os.environ.get("PIP_NO_CACHE_DIR") or any(_NO_CACHE.search(text) for text in _configuration()):
            return False
        required = [line.removeprefix(REQUIRES) for line in self.project if line.startswith(REQUIRES)]
        return all(map(_is_plain, required)) and all(
            _is_plain_file(self.cwd / word) if option == "--requirement" else self._is_plain_argument(word)
            for option, word in zip(["", *self.arguments], self.arguments, strict=False)
        )

    def _is_plain_argument(self, word: str) -> bool:
        is_wheel = word.endswith(".whl") and (self.cwd / word).is_file()
        return is_wheel or word == "--requirement" or _is_plain(word)

    def key(self) -> str:
        """Return the digest of all that can be told beforehand."""
        files = [self.cwd / word for word in self.arguments if (self.cwd / word).is_file()]
        return cache_key(
            *("project", *self.project, "arguments", *self.arguments, "files"),
            *(part for file in files for part in (str(file), _state(file))),
            *("interpreter", *self.interpreter, sys.version, sys.executable),
            *("pip", importlib.metadata.version("pip")),
            *("configuration", str(self.cwd), *_configuration()),
            *(
                f"{name}={value}"
                for name, value in sorted(os.environ.items())
                if name.startswith(_NAMES_FILES)
            ),
        )


def answer(question: Question, cache: Cache, ask: Callable[[], Wheels]) -> Wheels:
    """Return what *ask* returns, or has returned to the same *question* a short while ago."""
    if not question.is_plain:
        return ask()
    fresh: dict[str, Wheels] = {}

    def make(made: Path) -> None:
        fresh["wheels"] = wheels = ask()
        kept = {name: wheel.relative_to(cache.root).as_posix() for name, wheel in wheels.items()}
        made_at = time.time() if all(map(_requires_plain, wheels.values())) else 0
        noted = {"time": made_at, "wheels": kept, "around": _around(question, wheels)}
        made.write_text(json.dumps(noted), encoding="utf-8")

    def is_current(entry: Path) -> bool:
        if not is_sealed(entry):
            return False
        noted = json.loads(entry.read_text(encoding="utf-8"))
        wheels = [cache.root / path for path in noted["wheels"].values()]
        return (
            0 <= time.time() - noted["time"] < LIFETIME
            and all(wheel.is_file() for wheel in wheels)
            and noted["around"] == _around(question, noted["wheels"])
        )

    entry = cache.obtain(KIND, question.key(), make, is_current)
    if fresh:
        return fresh["wheels"]
    noted = json.loads(entry.read_text(encoding="utf-8"))
    note(f"{question.about} are those that pip chose {time.time() - noted['time']:.0f} seconds ago")
    return {name: cache.root / path for name, path in noted["wheels"].items()}


def _is_plain(line: str) -> bool:
    """Whether *line* is a requirement by name, and not by a place."""
    try:
        return Requirement(line).url is None
    except InvalidRequirement:
        return False


def _requires_plain(wheel: Path) -> bool:
    """Whether what *wheel* requires can be told from its name."""
    with zipfile.ZipFile(wheel) as archive:
        (about,) = (name for name in archive.namelist() if _METADATA.fullmatch(name))
        return all(map(_is_plain, parse_email(archive.read(about))[0].get("requires_dist", [])))


def _is_plain_file(file: Path) -> bool:
    """Whether the file of requirements has plain ones alone, with or without hashes."""
    try:
        text = file.read_text(encoding="utf-8").replace("\\\n", " ")
    except (OSError, UnicodeDecodeError):
        return False
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines())
    return all(_is_plain(_HASH.sub("", f" {line}").strip()) for line in lines if line)


def _configuration() -> list[str]:
    """Return the contents of pip's configuration files, in the order of their places."""
    home = Path.home()
    shared = os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    own = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    places = [*(Path(place, "pip/pip.conf") for place in shared.split(":")), Path("/etc/pip.conf")]
    places += [home / ".pip/pip.conf", own / "pip/pip.conf", Path(sys.prefix, "pip.conf")]
    if configured := os.environ.get("PIP_CONFIG_FILE"):
        places.append(Path(configured))
    return [
        place.read_text(encoding="utf-8", errors="replace") if place.is_file() else "" for place in places
    ]


def _around(question: Question, names: Iterable[str]) -> str:
    """Return a digest of the files and directories in which pip looks, and of what they have of *names*."""
    settings = [value for name, value in sorted(os.environ.items()) if name.startswith("PIP_")]
    words = dict.fromkeys(re.split(r"[\s=,]+", "\n".join([*settings, *_configuration()])))
    places = [place for word in words for place in _places(word, question.cwd)]
    below = [place / name / file for place in places for name in sorted(names) for file in ("", "index.html")]
    return cache_key(*(_state(path) for path in [*places, *below]))


def _places(word: str, cwd: Path) -> Iterator[Path]:
    """Yield the path that *word* is, if it is one of this machine."""
    path = Path(unquote(urlsplit(word).path)) if word.startswith("file:") else cwd / word
    if word and (word.startswith("file:") or path.exists()):
        yield path


def _state(path: Path) -> str:
    """Return what changes when a file does, or a file comes to a directory or goes."""
    try:
        if path.is_dir():
            return repr(sorted((file.name, _stamp(file.stat())) for file in os.scandir(path)))
        return _stamp(path.stat())
    except OSError as error:
        return type(error).__name__


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns}"
