"""What executables find on the host they run on, and what is packed in case it is not there.

Libraries have paths of the machine that they were compiled on built in. Rules in the image say what
takes their place (``stub/fallbacks.c``): first where other systems keep the same, then a packed copy.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import certifi

from oxidize_build.image.format import Option
from oxidize_build.image.writer import OptionValue
from oxidize_build.objfile.neutral import without_paths
from oxidize_build.resources import Content, DataFile, ExtensionModule, Resource
from oxidize_build.runtime import Runtime

CERTIFICATE_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Alpine
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # RHEL, Fedora, Amazon
    "/etc/pki/tls/certs/ca-bundle.crt",  # older ones of these
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # Alpine, the BSDs
)
PACKED_CERTIFICATES = PurePosixPath("lib/ssl/cert.pem")

TERMINFO = "/usr/share/terminfo"
TERMINFO_SOURCES = (Path("/usr/share/terminfo"), Path("/lib/terminfo"), Path("/etc/terminfo"))
TERMINALS = (
    *("alacritty", "ansi", "dumb", "foot", "linux", "screen", "screen-256color", "tmux", "tmux-256color"),
    *("vt100", "vt220", "xterm", "xterm-256color", "xterm-kitty"),
)
PACKED_TERMINFO = PurePosixPath("share/terminfo")


@dataclass(frozen=True, slots=True)
class HostFiles:
    """Files to pack, and the rules that make use of them."""

    files: tuple[DataFile, ...]
    options: tuple[OptionValue, ...]


def host_files(resources: Sequence[Resource], runtime: Runtime) -> HostFiles:
    """Return what the modules among *resources* want of the host: TLS roots, descriptions of terminals."""
    modules = {resource.name for resource in resources if isinstance(resource, ExtensionModule)}
    modules |= runtime.builtin_modules
    files: list[DataFile] = []
    options: list[OptionValue] = []
    if "_ssl" in modules and runtime.tls_roots is not None:
        files.append(DataFile(PACKED_CERTIFICATES, Content(Path(certifi.where())), "certifi"))
        file, directory = (_as_packed(path, runtime) for path in runtime.tls_roots)
        lines = (file, f"!{directory}", *CERTIFICATE_BUNDLES, str(PACKED_CERTIFICATES))
        options.append(OptionValue(Option.FALLBACK, "\n".join(lines)))
    if modules & {"_curses", "readline"}:
        files += _terminals()
        options.append(OptionValue(Option.FALLBACK, f"{TERMINFO}\n{PACKED_TERMINFO}"))
    return HostFiles(tuple(files), tuple(options))


def _as_packed(path: str, runtime: Runtime) -> str:
    """Return what the packed OpenSSL asks for instead of *path*, if it stands below the runtime's prefix.

    One that is a part of the stub is linked as it is.
    """
    if "_ssl" in runtime.builtin_modules:
        return path
    return os.fsdecode(without_paths(os.fsencode(path), runtime.build_paths))


def _terminals() -> Iterator[DataFile]:
    """Yield the descriptions of common terminals that the building machine has."""
    for name in TERMINALS:
        for source in TERMINFO_SOURCES:
            path = source / name[0] / name
            if path.is_file():
                yield DataFile(PACKED_TERMINFO / name[0] / name, Content(path.resolve()), "terminfo")
                break
