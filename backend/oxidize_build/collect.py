"""Gather the standard library and the wheels as resources: what stands where, and what it is to Python."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from installer.utils import canonicalize_name

from oxidize_build.classify import classify
from oxidize_build.errors import WheelError
from oxidize_build.resources import Content, DataFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from oxidize_build.resources import Resource
    from oxidize_build.runtime.model import Runtime
    from oxidize_build.unpacked_wheel import UnpackedWheel, WheelFile

PYTHON = "python"
"""Origin of the runtime's own files."""

NEUTRAL_PREFIX = b"/install"
"""Stands in for directories of the building machine, as in python-build-standalone's files."""

NOT_THE_LIBRARY = frozenset({"__pycache__", "site-packages", "dist-packages", "lib-dynload"})
"""Directories inside the standard library's that are not part of it, or are walked by themselves."""

OF_THE_HOST = frozenset({"sitecustomize.py", "usercustomize.py", "EXTERNALLY-MANAGED"})
"""Files at the top of the standard library's directory that speak for one machine."""

LEFT_BEHIND = (".a", ".o", ".pyc", ".pyo")
"""Endings of what building and running Python leave in the directory."""

MENTIONS_BUILD = re.compile(r"_sysconfigdata_.*\.py|_sysconfig_vars.*\.json|build-details\.json")
"""Names of the files that tell how and where the interpreter was built."""

CLASH_HINT = "only one of the two can be packed: remove the other from the dependencies"


def collect(
    wheels: Iterable[UnpackedWheel], runtime: Runtime, files: Iterable[DataFile] = ()
) -> list[Resource]:
    """Return everything that can be packed: the standard library, *wheels* and *files*, in order of path.

    Raises WheelError when two of them bring different files of the same path.
    """
    everything = [*stdlib_files(runtime), *wheel_files(wheels, runtime), *files]
    return classify(_one_for_each_path(everything), runtime)


def collect_stdlib(runtime: Runtime) -> list[Resource]:
    """Return the standard library and its extension modules, in order of path."""
    return classify(stdlib_files(runtime), runtime)


def collect_wheels(wheels: Iterable[UnpackedWheel], runtime: Runtime) -> list[Resource]:
    """Return the files of *wheels*, in order of path.

    Modules that the standard library hides, whose directories come first, are data files.

    Raises WheelError when two distributions bring different files of the same path.
    """
    return [resource for resource in collect(wheels, runtime) if resource.origin != PYTHON]


def stdlib_files(runtime: Runtime) -> list[DataFile]:
    """Return the files of the standard library, in order of path for each of its two directories.

    In those that tell how it was built, ``/install`` replaces directories of the building machine.
    """
    files = [
        DataFile(PurePosixPath(f"{runtime.stdlib_path}/{name}"), _without_build_paths(path, runtime), PYTHON)
        for name, path in _walk(runtime.stdlib)
        if name not in OF_THE_HOST
    ]
    dynload = runtime.stdlib_path / "lib-dynload"
    files += [
        DataFile(PurePosixPath(f"{dynload}/{name}"), Content(path), PYTHON)
        for name, path in _walk(runtime.dynload)
    ]
    return files


def wheel_files(wheels: Iterable[UnpackedWheel], runtime: Runtime) -> list[DataFile]:
    """Return the files of *wheels* at the places of a virtual environment, distributions in order of name."""
    return [
        DataFile(_place(wheel, file, runtime), Content(file.source), wheel.name, file.executable)
        for wheel in sorted(wheels, key=lambda wheel: canonicalize_name(wheel.name))
        for file in wheel.files
    ]


def _walk(directory: Path) -> Iterator[tuple[str, Path]]:
    """Yield the path of each file below *directory*, relative and absolute; broken links have no file."""
    for folder, folders, names in os.walk(directory):
        below = folder.removeprefix(str(directory)).removeprefix("/")
        folders[:] = sorted(
            name for name in folders if name not in NOT_THE_LIBRARY and not name.startswith("config-")
        )
        for name in sorted(names):
            if not name.endswith(LEFT_BEHIND) and os.path.isfile(f"{folder}/{name}"):  # noqa: PTH113 (many)
                yield f"{below}/{name}" if below else name, Path(folder, name)


def _without_build_paths(path: Path, runtime: Runtime) -> Content:
    if not MENTIONS_BUILD.fullmatch(path.name):
        return Content(path)
    data = path.read_bytes()
    longest_first = sorted(runtime.build_paths, key=lambda directory: (-len(directory), directory))
    mentioned = [re.escape(directory.encode()) for directory in longest_first if directory.strip("/")]
    return Content(re.sub(b"|".join(mentioned), NEUTRAL_PREFIX, data) if mentioned else data)


def _place(wheel: UnpackedWheel, file: WheelFile, runtime: Runtime) -> PurePosixPath:
    """Return where an installer would put *file* in a virtual environment on a POSIX system."""
    match file.scheme:
        case "scripts":
            return PurePosixPath("bin") / file.path
        case "data":
            return file.path
        case "headers":
            return PurePosixPath("include", "site", runtime.directory_name, wheel.name) / file.path
        case _:
            return runtime.module_roots[-1] / file.path


def _one_for_each_path(files: Iterable[DataFile]) -> list[DataFile]:
    """Return *files* without those that another distribution brings too, with the same content."""
    kept: dict[PurePosixPath, DataFile] = {}
    for file in files:
        first = kept.setdefault(file.path, file)
        if first is file:
            continue
        if first.content.size != file.content.size or first.content.sha256() != file.content.sha256():
            raise WheelError(
                f"{first.origin} and {file.origin} both contain {file.path}, with different content",
                hint=CLASH_HINT,
            )
        if file.executable:
            kept[file.path] = replace(first, executable=True)
    _check_directories(kept)
    return list(kept.values())


def _check_directories(files: Mapping[PurePosixPath, DataFile]) -> None:
    """Raise WheelError where one distribution has a file and another a directory of that name."""
    directories = {file.path.parent for file in files.values()}
    directories |= {parent for directory in directories for parent in directory.parents}
    for path in sorted(directories & files.keys()):
        below = next(file for file in files.values() if path in file.path.parents)
        raise WheelError(
            f"{files[path].origin} has a file {path}, and {below.origin} a directory of that name",
            hint=CLASH_HINT,
        )
