"""What a project has in its own directory: wheels, directories of modules, files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from oxidize_build.errors import SettingsError, WheelError
from oxidize_build.resources import Content, DataFile
from oxidize_build.runtime.model import Runtime
from oxidize_build.settings.model import PlacedFiles
from oxidize_build.sources.tags import runtime_tags

WILDCARDS = frozenset("*?[")
SITE_PACKAGES = "site-packages"
"""As the first part of a place in the tree: the directory of packages, whatever the version of Python."""

NOT_PACKED = frozenset(
    {"__pycache__", ".git", ".hg", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", ".venv"}
)
NOT_PACKED_ENDINGS = (".pyc", ".pyo", ".egg-info")


def local_wheels(project: Path, patterns: Iterable[str], runtime: Runtime) -> list[Path]:
    """Return the wheels that *patterns* name, below *project*, in order of path.

    A pattern is that of a file, of a directory of wheels, or of files. Of several wheels, those are taken
    that *runtime* can use; one that is named as a file is taken in any case.

    Raises SettingsError when a pattern finds none, and WheelError for a file not named as a wheel.
    """
    supported = frozenset(runtime_tags(runtime))
    found: dict[Path, None] = {}
    for pattern in patterns:
        named = project / pattern
        if named.is_file():
            found[named] = None
            continue
        several = sorted(named.glob("*.whl") if named.is_dir() else _matches(project, pattern))
        usable = [wheel for wheel in several if _tags(wheel) & supported]
        if not usable:
            what = f"{len(several)} wheels, of which none is for Python {runtime.version} on this platform"
            raise SettingsError(
                f"tool.oxidize.wheels: found {pattern!r}, which stands for {what if several else 'no file'}",
                hint="name a wheel, a directory of wheels, or a pattern of them",
            )
        found.update(dict.fromkeys(usable))
    return sorted(found)


def root_files(roots: Iterable[Path], origin: str, runtime: Runtime) -> Iterator[DataFile]:
    """Yield the files below *roots*, at the places where their modules are imported from."""
    for root in roots:
        for file in _walk(root):
            yield _data(runtime.module_roots[-1] / file.relative_to(root).as_posix(), file, origin)


def placed_files(
    project: Path, wanted: Iterable[PlacedFiles], origin: str, runtime: Runtime
) -> Iterator[DataFile]:
    """Yield the *wanted* files of *project* at their places in the tree.

    A file goes into the directory ``to``, the content of a directory and what a pattern finds go below it.

    Raises SettingsError when there is no such file.
    """
    for files in wanted:
        place = _place(files.to, runtime)
        named = project / files.from_
        base = named if named.is_dir() else _fixed_part(project, files.from_)
        found = (
            [named] if named.is_file() else _walk(named) if named.is_dir() else _matches(project, files.from_)
        )
        present = sorted(found)
        if not present:
            raise SettingsError(
                f"tool.oxidize.files: found from = {files.from_!r}, but the project has no such file",
                hint="it is a file, a directory or a pattern, relative to pyproject.toml",
            )
        for file in present:
            yield _data(place / file.relative_to(base).as_posix(), file, origin)


def _data(path: PurePosixPath, file: Path, origin: str) -> DataFile:
    return DataFile(path, Content(file), origin, executable=os.access(file, os.X_OK))


def _place(to: str, runtime: Runtime) -> PurePosixPath:
    place = PurePosixPath(to)
    if place.parts[:1] == (SITE_PACKAGES,):
        return runtime.module_roots[-1].joinpath(*place.parts[1:])
    return place


def _fixed_part(project: Path, pattern: str) -> Path:
    """Return the directory that the part of *pattern* without wildcards leads to."""
    directory = project
    for part in PurePosixPath(pattern).parts[:-1]:
        if WILDCARDS & set(part):
            break
        directory /= part
    return directory


def _matches(project: Path, pattern: str) -> Iterator[Path]:
    """Yield the files that *pattern* finds, those below directories that it finds included."""
    for path in project.glob(pattern):
        yield from _walk(path) if path.is_dir() else [path] if _is_packed(path.name) else []


def _walk(directory: Path) -> Iterator[Path]:
    """Yield the files below *directory*, sorted, but for what tools leave behind there."""
    for folder, folders, names in os.walk(directory):
        folders[:] = sorted(filter(_is_packed, folders))
        for name in sorted(filter(_is_packed, names)):
            path = Path(folder, name)
            if path.is_file():
                yield path


def _is_packed(name: str) -> bool:
    return name not in NOT_PACKED and not name.endswith(NOT_PACKED_ENDINGS)


def _tags(wheel: Path) -> frozenset[object]:
    try:
        return parse_wheel_filename(wheel.name)[-1]
    except InvalidWheelFilename as error:
        raise WheelError(f"{wheel} is not named as a wheel: {error}") from None
