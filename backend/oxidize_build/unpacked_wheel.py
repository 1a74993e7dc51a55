"""Open wheels, check them against their RECORD, and unpack them into the cache (installer)."""

from __future__ import annotations

import json
import os
import stat
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from installer.exceptions import InstallerError
from installer.records import InvalidRecordEntry, RecordEntry, parse_record_file
from installer.sources import WheelFile as WheelSource
from installer.utils import SCHEME_NAMES, copyfileobj_with_hashing, parse_metadata_file
from packaging.metadata import RawMetadata, parse_email

from oxidize_build.cache import Cache, cache_key
from oxidize_build.digests import file_sha256
from oxidize_build.errors import WheelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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


def unpack(wheel: Path, cache: Cache) -> UnpackedWheel:
    """Return the contents of *wheel*, checked against its RECORD and unpacked into *cache* once.

    Follows the binary distribution format (PEP 427 and PEP 491, without the latter's new schemes).

    Raises WheelError, which lists all that is wrong: a file that RECORD does not mention, that is
    missing or has another hash or size, an entry that would leave the directory, a link.
    """
    key = cache_key(UNPACKED_LAYOUT, file_sha256(wheel))
    entry = cache.obtain("unpacked", key, lambda made: _unpack_into(made, wheel), _is_unpacked)
    return _read_manifest(entry)


def metadata(wheel: UnpackedWheel) -> RawMetadata:
    """Return the fields of the wheel's METADATA file (core metadata, PEP 566 and later)."""
    return parse_email((wheel.root / wheel.dist_info / "METADATA").read_bytes())[0]


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
