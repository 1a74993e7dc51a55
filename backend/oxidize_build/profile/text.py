"""The profile file: ``oxidize-profile.json``, kept in the project's repository.

JSON with one line for each module, file and library, so that differences between two traces can be read::

    {
      "format": 1,
      "executables": {
        "greeter": {
          "modules": [
            {"name": "encodings", "own": 310},
            {"name": "encodings.aliases", "parent": "encodings", "own": 140},
            ...
          ],
          "files": [
            "lib/python/site-packages/greeter/templates/hello.html"
          ],
          "libraries": []
        }
      }
    }

Executables stand in order of name, everything else in order of first use. Keys that have their default value
are not written.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from oxidize_build.errors import OutputError, ProfileError
from oxidize_build.profile.model import Effect, Profile, ProfiledModule

DEFAULT_NAME = "oxidize-profile.json"
"""Of the file in the project's directory."""
FORMAT = 1
_AGAIN = "`oxidize trace` writes it anew once it is removed"
_VERSIONED = re.compile(r"(?<=^lib/)python3\.\d+t?(?=/)")
_PORTABLE = "python"


def profile_path(project: Path, stated: Path | None) -> Path:
    """Return where the profile of an executable is, or would be: the *stated* path, or the default."""
    return stated or project / DEFAULT_NAME


def portable_path(path: PurePosixPath | str) -> str:
    """Return a path in the executable's tree without the version of Python: ``lib/python/...``."""
    return _VERSIONED.sub(_PORTABLE, str(path))


def read_profiles(path: Path) -> dict[str, Profile]:
    """Return the profile of each executable in the file *path*.

    Raises ProfileError, which names the file and the place in it, when there is none or it is malformed.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProfileError(
            f"cannot read {path}: {error.strerror}", hint="`oxidize trace` writes it"
        ) from error
    except ValueError as error:
        raise ProfileError(f"{path} is no JSON: {error}", hint=_AGAIN) from error
    reader = _Reader(path)
    version = reader.member(value, "format", int, "")
    if version != FORMAT:
        raise ProfileError(f"{path} has format {version}, expected {FORMAT}", hint=_AGAIN)
    executables = reader.member(value, "executables", dict, "")
    return {name: reader.profile(table, f"executables.{name}") for name, table in executables.items()}


def write_profiles(path: Path, profiles: Mapping[str, Profile]) -> None:
    """Write *profiles*, by name of the executable, to the file *path*, which is replaced as a whole.

    Raises OutputError when it cannot be written.
    """
    text = "".join(_lines(profiles))
    try:
        descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 (a descriptor)
                file.write(text)
            Path(aside).chmod(0o666 & ~_umask())
            Path(aside).replace(path)
        except BaseException:
            Path(aside).unlink()
            raise
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _lines(profiles: Mapping[str, Profile]) -> Iterator[str]:
    yield f'{{\n  "format": {FORMAT},\n  "executables": {{'
    for number, (name, profile) in enumerate(sorted(profiles.items())):
        parts = {
            "modules": map(_members, profile.modules),
            "files": profile.files,
            "libraries": profile.libraries,
        }
        yield f"{',' if number else ''}\n    {json.dumps(name)}: {{\n"
        yield ",\n".join(f'      "{key}": {_list(items)}' for key, items in parts.items())
        yield "\n    }"
    yield "\n  }\n}\n" if profiles else "}\n}\n"


def _list(items: Iterable[object]) -> str:
    lines = [f"        {json.dumps(item, ensure_ascii=False)}" for item in items]
    return "[\n" + ",\n".join(lines) + "\n      ]" if lines else "[]"


def _members(module: ProfiledModule) -> dict[str, object]:
    members: dict[str, object] = {
        "name": module.name,
        "parent": module.parent,
        "own": module.own,
        "effects": module.effects,
        "child": module.child,
    }
    return {key: value for key, value in members.items() if value}


def _is_sound(number: int, kind: type) -> bool:
    """Whether *number*, read from JSON, is of the type *kind*: true and false are numbers to Python."""
    return isinstance(number, bool) == (kind is bool) and number >= 0


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path

    def member(self, table: object, key: str, kind: type, where: str, default: object = ...) -> Any:  # noqa: ANN401 - as *kind* says
        """Return what *table*, at *where*, has at *key*, of the type *kind*; it must, without a default."""
        if not isinstance(table, dict):
            raise self.fault(where, table, "an object")
        place = f"{where}.{key}".lstrip(".")
        if key not in table:
            if default is ...:
                raise ProfileError(f"{self.path}: {place} is missing", hint=_AGAIN)
            return default
        value: Any = table[key]
        if not isinstance(value, kind) or (isinstance(value, int) and not _is_sound(value, kind)):
            raise self.fault(place, value, _NAMES[kind])
        return value

    def fault(self, where: str, value: object, expected: str) -> ProfileError:
        return ProfileError(
            f"{self.path}: {where or 'it'} is {value!r:.60}, expected {expected}", hint=_AGAIN
        )

    def profile(self, table: object, where: str) -> Profile:
        modules = self.member(table, "modules", list, where)
        read = tuple(self.module(module, f"{where}.modules[{index}]") for index, module in enumerate(modules))
        seen: set[str] = set()
        for index, module in enumerate(read):
            if module.name in seen or module.parent not in {None, *seen}:
                place = f"{where}.modules[{index}]"
                raise self.fault(place, module.name, "a new name, behind that of its parent")
            seen.add(module.name)
        return Profile(read, self.texts(table, "files", where), self.texts(table, "libraries", where))

    def module(self, table: object, where: str) -> ProfiledModule:
        known = [str(effect) for effect in Effect]
        effects = self.texts(table, "effects", where, default=[])
        for effect in effects:
            if effect not in known:
                raise self.fault(f"{where}.effects", effect, f"one of {', '.join(known)}")
        return ProfiledModule(
            self.member(table, "name", str, where),
            self.member(table, "parent", str, where, default=None),
            self.member(table, "own", int, where, default=0),
            tuple(map(Effect, effects)),
            self.member(table, "child", bool, where, default=False),
        )

    def texts(self, table: object, key: str, where: str, default: object = ...) -> tuple[str, ...]:
        values = self.member(table, key, list, where, default)
        for index, value in enumerate(values):
            if not isinstance(value, str):
                raise self.fault(f"{where}.{key}[{index}]", value, "a text")
        return tuple(values)


_NAMES = {dict: "an object", list: "a list", str: "a text", int: "a number", bool: "true or false"}
