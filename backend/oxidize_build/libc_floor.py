"""The C library that an ELF file needs, by the versions of symbols that it names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from oxidize_build.distributions import Floor, Libc, release_key
from oxidize_build.objfile.facts import SymbolVersion

RELR_VERSION = "2.36"
"""The first glibc that knows DT_RELR: such files name the version ``GLIBC_ABI_DT_RELR``."""
_GLIBC_VERSION = re.compile(r"GLIBC_(\d+(?:\.\d+)+)")


def libc_floor(needed: Iterable[str], versions: Iterable[SymbolVersion], interpreter: str | None) -> Floor:
    """Return the C library that an ELF file needs by what it says to the dynamic linker."""
    libraries = list(needed)
    glibc = [_glibc_version(symbol.version) for symbol in versions]
    known = [version for version in glibc if version is not None]
    if known or "libc.so.6" in libraries or "/ld-linux" in (interpreter or ""):
        return Floor(Libc.GLIBC, max(known, key=release_key, default=None))
    is_musl = "ld-musl" in (interpreter or "") or any(
        name == "libc.so" or name.startswith("libc.musl-") for name in libraries
    )
    return Floor(Libc.MUSL if is_musl else Libc.NONE)


def _glibc_version(version: str) -> str | None:
    if version == "GLIBC_ABI_DT_RELR":
        return RELR_VERSION
    match = _GLIBC_VERSION.fullmatch(version)
    return match[1] if match else None
