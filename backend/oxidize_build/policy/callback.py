"""A project's own function that sees every resource: ``callback = "file.py:function"``."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from typing import get_args

from oxidize_build.errors import SettingsError
from oxidize_build.resources import Resource
from oxidize_build.settings.values import Callback

KEY = "tool.oxidize.callback"


def apply_callback(callback: Callback, resources: Sequence[Resource]) -> list[Resource]:
    """Return what the project's function makes of *resources*, in the same order, without what it drops.

    It is called with each of them, and returns it, another one in its place, or None. The file is run, not
    imported: no module of its name appears, and nothing is written beside it.

    Raises SettingsError, which names the file and the line, when the function does not exist, fails, or
    returns something else.
    """
    function = _load(callback)
    kept: list[Resource] = []
    for resource in resources:
        try:
            result = function(resource)
        except Exception as error:  # (whatever it raises is its author's to mend)
            raise _failure(callback, f"failed for {resource.path}", error) from error
        if isinstance(result, get_args(Resource)):
            kept.append(result)
        elif result is not None:
            raise SettingsError(
                f"{KEY}: {callback.function} of {callback.file.name} returned {result!r} for {resource.path}",
                hint="it is to return the resource, changed by dataclasses.replace or not, or None",
            )
    return kept


def _load(callback: Callback) -> Callable[[Resource], object]:
    namespace: dict[str, object] = {"__name__": callback.file.stem, "__file__": str(callback.file)}
    try:
        code = compile(callback.file.read_bytes(), str(callback.file), "exec")
        exec(code, namespace)  # noqa: S102 (it is the project's own)
    except Exception as error:
        raise _failure(callback, "cannot be run", error) from error
    function = namespace.get(callback.function)
    if not callable(function):
        names = sorted(name for name, value in namespace.items() if callable(value))
        raise SettingsError(
            f"{KEY}: {callback.file.name} defines no function {callback.function}",
            hint=f"it defines {', '.join(names)}" if names else "it defines no function",
        )
    return function


def _failure(callback: Callback, what: str, error: Exception) -> SettingsError:
    """Return the error that says where in the project's file *error* comes from."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(callback.file)
    ]
    line = error.lineno if isinstance(error, SyntaxError) else frames[-1].lineno if frames else None
    place = callback.file.name if line is None else f"{callback.file.name}, line {line}"
    return SettingsError(f"{KEY}: {place} {what}: {type(error).__name__}: {error}")
