"""Obtain the wheels of a project (pip), then open and check them (installer)."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from installer.exceptions import InstallerError
from installer.records import InvalidRecordEntry, RecordEntry, parse_record_file
from installer.sources import WheelFile as WheelSource
from installer.utils import (
    SCHEME_NAMES,
    canonicalize_name,
    copyfileobj_with_hashing,
    parse_metadata_file,
    parse_wheel_filename,
)
from packaging.markers import default_environment
from packaging.metadata import RawMetadata, parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from oxidize_build import pip
from oxidize_build.cache import Cache, cache_key
from oxidize_build.errors import DependencyError, WheelError
from oxidize_build.resolutions import REQUIRES, Question, answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from oxidize_build.runtime.model import Runtime

UNPACKED_LAYOUT = "2"
"""Part of the cache key of an unpacked wheel: to be raised when what stands in the entry changes."""

SIGNATURES = ("RECORD.jws", "RECORD.p7s")
SUPPORTED_WHEEL_MAJOR = "1"
WEAK_HASHES = frozenset({"md5", "sha1"})


@dataclass(frozen=True, slots=True)
class WheelFile:
    """A file of an unpacked wheel and where an installer would put it."""

    scheme: str
    """``purelib``, ``platlib``, ``scripts``, ``data`` or ``headers``, as in ``sysconfig.get_paths()``."""
    path: PurePosixPath
    """Relative to the directory of the scheme."""
    source: Path
    """The file in the cache."""
    executable: bool


@dataclass(frozen=True, slots=True)
class UnpackedWheel:
    """A wheel whose files have been checked against its RECORD and stand in the cache."""

    name: str
    """As the metadata spells it."""
    version: str
    root: Path
    """The directory that the archive was unpacked to."""
    dist_info: str
    """Name of the ``.dist-info`` directory."""
    files: tuple[WheelFile, ...]
    """In order of their paths in the archive."""


def resolve(
    project_wheel: Path,
    extras: Sequence[str],
    runtime: Runtime,
    cache: Cache,
    *,
    also: Sequence[str] = (),
    cwd: Path | None = None,
) -> tuple[Path, ...]:
    """Return the project's wheel and the wheels of all its dependencies, in order of their names.

    *also* are more arguments for pip: requirements, wheels, files of requirements. Relative paths in these
    begin at *cwd*.

    pip resolves what the wheel's own metadata asks for with the given *extras*, and builds wheels
    of sdists; its configuration files, environment variables and caches count as in any other
    run of it. The paths are entries of *cache*. pip does not run where nothing is required, nor where it has
    answered the same question a short while ago (:mod:`~oxidize_build.resolutions`).

    Raises DependencyError when an extra does not exist, a requirement is malformed, cannot be met
    or cannot be built, and WheelError when the project's wheel is not sound.
    """
    project = unpack(project_wheel, cache)
    own = {canonicalize_name(project.name): project_wheel}

    def ask() -> Mapping[str, Path]:
        with tempfile.TemporaryDirectory(prefix="oxidize-") as folder:
            requirement = requirement_of(project_wheel, project.name, extras)
            pip.make_wheels([requirement, *also], project.name, runtime, Path(folder), cwd)
            names = {
                canonicalize_name(parse_wheel_filename(wheel.name).distribution): wheel
                for wheel in Path(folder).glob("*.whl")
            }
            return store_by_name({name: wheel for name, wheel in names.items() if name not in own}, cache)

    found: Mapping[str, Path] = {}
    if _requires_anything(project, extras, runtime) or also:
        asked = Question(
            _identity(project, extras), also, "Dependencies", _identity_of(runtime), cwd or Path.cwd()
        )
        found = answer(asked, cache, ask)
    return tuple(wheel for _, wheel in sorted({**found, **store_by_name(own, cache)}.items()))


def requirement_of(project_wheel: Path, name: str, extras: Sequence[str]) -> str:
    """Return the requirement for the project's own wheel, with its hash: others may have to have one too."""
    wanted = f"[{','.join(sorted(extras))}]" if extras else ""
    return f"{name}{wanted} @ {project_wheel.resolve().as_uri()}#sha256={_sha256(project_wheel)}"


def store(wheels: Mapping[str, Path], cache: Cache) -> tuple[Path, ...]:
    """Return copies of *wheels* in the cache, in order of their distributions' names."""
    return tuple(store_by_name(wheels, cache).values())


def store_by_name(wheels: Mapping[str, Path], cache: Cache) -> dict[str, Path]:
    """Return copies of *wheels* in the cache, by name and in order of that."""
    return {name: _store(wheels[name], cache) for name in sorted(wheels)}


def unpack(wheel: Path, cache: Cache) -> UnpackedWheel:
    """Return the contents of *wheel*, checked against its RECORD and unpacked into *cache* once.

    Follows the binary distribution format (PEP 427 and PEP 491, without the latter's new schemes).

    Raises WheelError, which lists all that is wrong: a file that RECORD does not mention, that is
    missing or has another hash or size, an entry that would leave the directory, a link.
    """
    key = cache_key(UNPACKED_LAYOUT, _sha256(wheel))
    entry = cache.obtain("unpacked", key, lambda made: _unpack_into(made, wheel), _is_unpacked)
    return _read_manifest(entry)


def metadata(wheel: UnpackedWheel) -> RawMetadata:
    """Return the fields of the wheel's METADATA file (core metadata, PEP 566 and later)."""
    return parse_email((wheel.root / wheel.dist_info / "METADATA").read_bytes())[0]


def marker_environment(runtime: Runtime) -> dict[str, str]:
    """Return what environment markers are evaluated in for *runtime* (PEP 508), without ``extra``."""
    return {
        **cast("dict[str, str]", default_environment()),
        "python_version": runtime.short_version,
        "python_full_version": runtime.version,
        "implementation_version": runtime.version,
    }


def entry_points(wheel: Path) -> str:
    """Return the text of ``entry_points.txt`` in the archive *wheel*; empty where there is none.

    Raises WheelError when the file is not a wheel, or the text is not UTF-8.
    """
    try:
        with WheelSource.open(wheel) as source:
            if "entry_points.txt" not in source.dist_info_filenames:
                return ""
            return source.read_dist_info("entry_points.txt")
    except (zipfile.BadZipFile, zlib.error, InstallerError, ValueError) as error:
        raise _unusable(wheel, [str(error)]) from error


def _check_requires_python(project: UnpackedWheel, required: str, runtime: Runtime) -> None:
    """Raise DependencyError when *project* does not support the runtime (Requires-Python)."""
    try:
        supported = SpecifierSet(required).contains(runtime.version, prereleases=True)
    except InvalidSpecifier:
        raise WheelError(f"{project.name}: {required!r} is no specifier of Python versions") from None
    if not supported:
        raise DependencyError(
            f"{project.name} requires Python {required}, and executables are made of {runtime.version} here",
            hint="run the build with another interpreter",
        )


def _requires_anything(project: UnpackedWheel, extras: Sequence[str], runtime: Runtime) -> bool:
    """Whether a Requires-Dist of *project* applies to the runtime with one of *extras* (PEP 508)."""
    fields = metadata(project)
    _check_requires_python(project, fields.get("requires_python", ""), runtime)
    _check_extras(project.name, extras, fields.get("provides_extra", []))
    environment = marker_environment(runtime)
    for text in fields.get("requires_dist", []):
        try:
            marker = Requirement(text).marker
        except InvalidRequirement as error:
            raise DependencyError(
                f"{project.name} requires {text!r}, which is not a valid requirement: {error}",
                hint="correct it in the project's dependencies (PEP 508)",
            ) from error
        if marker is None or any(marker.evaluate(environment | {"extra": e}) for e in ("", *extras)):
            return True
    return False


def _identity(project: UnpackedWheel, extras: Sequence[str]) -> list[str]:
    """Return what of *project* decides which distributions go with it."""
    fields = metadata(project)
    required = [f"{REQUIRES}{text}" for text in fields.get("requires_dist", [])]
    return [project.name, project.version, fields.get("requires_python", ""), *sorted(extras), *required]


def _identity_of(runtime: Runtime) -> list[str]:
    """Return what of *runtime* decides which wheels fit it."""
    facts = (runtime.version, runtime.soabi, runtime.platform, runtime.libc, str(runtime.glibc_limit))
    return [str(runtime.python), *facts]


def _check_extras(project: str, extras: Sequence[str], provided: Sequence[str]) -> None:
    known = {canonicalize_name(extra) for extra in provided}
    unknown = [extra for extra in extras if canonicalize_name(extra) not in known]
    if unknown:
        raise DependencyError(
            f"{project} has no extra named {', '.join(map(repr, unknown))}",
            hint=f"its extras are: {', '.join(sorted(provided))}" if provided else "it has no extras",
        )


def _store(wheel: Path, cache: Cache) -> Path:
    """Return a copy of *wheel* in the cache, under its own file name."""
    digest = _sha256(wheel)

    def make(entry: Path) -> None:
        entry.mkdir()
        (entry / wheel.name).write_bytes(wheel.read_bytes())

    def is_sound(entry: Path) -> bool:
        copy = entry / wheel.name
        return copy.is_file() and _sha256(copy) == digest

    return cache.obtain("wheels", cache_key(wheel.name, digest), make, is_sound) / wheel.name


def stored_wheel(name: str, sha256: str, cache: Cache) -> Path | None:
    """Return the wheel of that file name and digest, in hexadecimal, if the cache has it undamaged."""
    wheel = cache.path("wheels", cache_key(name, sha256)) / name
    return wheel if wheel.is_file() and _sha256(wheel) == sha256 else None


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _unpack_into(entry: Path, wheel: Path) -> None:
    """Fill the cache *entry*: the archive's files below ``files``, and ``manifest.json`` about them."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            manifest, faults = _extract(archive, entry / "files")
    except (zipfile.BadZipFile, InstallerError, ValueError, KeyError) as error:
        manifest, faults = {}, [str(error)]
    if faults:
        raise _unusable(wheel, faults)
    with (entry / "manifest.json").open("w", encoding="utf-8") as file:
        json.dump(manifest, file)
        file.flush()
        os.fsync(file.fileno())


def _is_unpacked(entry: Path) -> bool:
    """Tell whether there is a manifest in *entry*, and all files that it lists have their sizes."""
    try:
        manifest = json.loads((entry / "manifest.json").read_bytes())
        return all(
            (entry / "files" / archived).stat().st_size == size for archived, *_, size in manifest["files"]
        )
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False


def _unusable(wheel: Path, faults: Sequence[str]) -> WheelError:
    listing = "".join(f"\n  - {fault}" for fault in faults)
    return WheelError(
        f"the wheel {wheel.name} cannot be used:{listing}",
        hint="the file is damaged or was made wrongly: download or build it again",
    )


def _read_manifest(entry: Path) -> UnpackedWheel:
    manifest = json.loads((entry / "manifest.json").read_text(encoding="utf-8"))
    root = entry / "files"
    return UnpackedWheel(
        name=manifest["name"],
        version=manifest["version"],
        root=root,
        dist_info=manifest["dist_info"],
        files=tuple(
            WheelFile(scheme, PurePosixPath(path), root / archived, executable)
            for archived, scheme, path, executable, _size in manifest["files"]
        ),
    )


def _extract(archive: zipfile.ZipFile, root: Path) -> tuple[dict[str, object], list[str]]:
    """Unpack and check *archive*; return what the manifest says, and all the faults found."""
    source = WheelSource(archive)
    members = sorted(
        (member for member in archive.infolist() if not member.filename.endswith("/")),
        key=lambda member: member.filename,
    )
    names = {member.filename for member in members}
    faults = list(_name_faults(members))
    if faults:  # nothing may be written under such names
        return {}, faults
    records, faults = _read_record(source, names)
    for member in members:
        faults += _extract_member(archive, member, root, records.get(member.filename))
    schemes = {name: _scheme(name, "purelib") for name in names}
    faults += [f"{name}: not a known scheme" for name in sorted(names) if schemes[name] is None]
    if faults:
        return {}, faults
    return _manifest(source, members)


def _manifest(source: WheelSource, members: Sequence[zipfile.ZipInfo]) -> tuple[dict[str, object], list[str]]:
    """Return the manifest of a wheel whose files are sound, and the faults of its dist-info files."""
    wheel = parse_metadata_file(source.read_dist_info("WHEEL"))
    version = str(wheel.get("Wheel-Version", "")).strip()
    about, _ = parse_email(source.read_dist_info("METADATA"))
    faults = []
    if version.partition(".")[0] != SUPPORTED_WHEEL_MAJOR:
        faults.append(f"{source.dist_info_dir}/WHEEL: Wheel-Version is {version!r}, expected 1.x")
    faults += [
        f"{source.dist_info_dir}/METADATA: no {field.title()}"
        for field in ("name", "version")
        if field not in about
    ]
    pure = str(wheel.get("Root-Is-Purelib", "")).strip().lower() == "true"
    files = []
    for member in members:
        scheme, path = _scheme(member.filename, "purelib" if pure else "platlib") or ("", "")
        mode = member.external_attr >> 16
        executable = scheme == "scripts" or bool(stat.S_ISREG(mode) and mode & 0o111)
        files.append((member.filename, scheme, path, executable, member.file_size))
    manifest: dict[str, object] = {
        "name": about.get("name"),
        "version": about.get("version"),
        "dist_info": source.dist_info_dir,
        "files": files,
    }
    return manifest, faults


def _name_faults(members: Sequence[zipfile.ZipInfo]) -> Iterator[str]:
    """Yield a fault for each entry that could be written elsewhere than where its name says."""
    times = Counter(member.filename for member in members)
    yield from (f"{name}: is in the archive {count} times" for name, count in times.items() if count > 1)
    for member in members:
        name = member.filename
        kind = stat.S_IFMT(member.external_attr >> 16)
        if name.startswith("/") or "\\" in name or {"", ".", ".."} & set(name.split("/")):
            yield f"{name}: not a plain relative path"
        elif kind not in (0, stat.S_IFREG):
            yield f"{name}: a link or special file"
        elif any(str(parent) in times for parent in PurePosixPath(name).parents):
            yield f"{name}: stands below a file"


def _read_record(source: WheelSource, names: set[str]) -> tuple[dict[str, RecordEntry], list[str]]:
    """Return RECORD's entries by path, and its faults: those of lines, and files absent or not listed."""
    record = f"{source.dist_info_dir}/RECORD"
    entries: dict[str, RecordEntry] = {}
    faults: list[str] = []
    try:
        rows = list(parse_record_file(source.read_dist_info("RECORD").splitlines()))
    except (InvalidRecordEntry, UnicodeDecodeError, KeyError) as error:
        return {}, [f"{record}: cannot be read: {error}"]
    for row in rows:
        try:
            entries[row[0]] = entry = RecordEntry.from_elements(*row)
        except InvalidRecordEntry as error:
            faults.append(f"{record}: {row[0]}: {error}")
            continue
        if entry.path != record and (entry.hash_ is None or entry.hash_.name in WEAK_HASHES):
            faults.append(f"{record}: {entry.path}: no hash, or one that PEP 427 forbids")
    unlisted = names - {row[0] for row in rows} - {f"{source.dist_info_dir}/{name}" for name in SIGNATURES}
    faults += [f"{name}: not in RECORD" for name in sorted(unlisted)]
    faults += [f"{name}: in RECORD, not in the archive" for name in sorted({row[0] for row in rows} - names)]
    return entries, faults


def _extract_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, root: Path, record: RecordEntry | None
) -> list[str]:
    """Write one file and return what is wrong with it; reading and hashing it is a single pass."""
    target = root / member.filename
    target.parent.mkdir(parents=True, exist_ok=True)
    algorithm = record.hash_.name if record and record.hash_ else "sha256"
    try:
        with archive.open(member) as packed, target.open("xb") as file:
            digest, size = copyfileobj_with_hashing(_binary(packed), file, algorithm)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        return [f"{member.filename}: cannot be unpacked: {error}"]
    faults = []
    if record and record.hash_ and record.hash_.value != digest:
        faults.append(f"{member.filename}: {algorithm} is {digest}, RECORD says {record.hash_.value}")
    if record and record.size is not None and record.size != size:
        faults.append(f"{member.filename}: {size} bytes, RECORD says {record.size}")
    return faults


def _binary(stream: IO[bytes]) -> BinaryIO:
    """Return *stream* as the type that installer declares, of which it only uses ``read``."""
    return cast("BinaryIO", stream)


def _scheme(name: str, root_scheme: str) -> tuple[str, str] | None:
    """Return the scheme of an archived file and its path there; None for an unknown one (PEP 427)."""
    top, _, rest = name.partition("/")
    if not top.endswith(".data") or not rest:
        return root_scheme, name
    scheme, _, path = rest.partition("/")
    return (scheme, path) if path and scheme in SCHEME_NAMES else None
