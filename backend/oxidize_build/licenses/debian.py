"""Libraries of a Debian-like building machine: their package, its version, and its copyright file.

Follows the machine-readable copyright format 1.0 where a package has it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from oxidize_build.licenses.component import Component, Kind, LicenseText
from oxidize_build.licenses.expressions import normalized
from oxidize_build.resources import Content

DOCUMENTATION = Path("/usr/share/doc")

SHORT_NAMES = {
    "apache-2": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "expat": "MIT",
    "gpl-2": "GPL-2.0-only",
    "gpl-2+": "GPL-2.0-or-later",
    "gpl-3": "GPL-3.0-only",
    "gpl-3+": "GPL-3.0-or-later",
    "lgpl-2": "LGPL-2.0-only",
    "lgpl-2+": "LGPL-2.0-or-later",
    "lgpl-2.1": "LGPL-2.1-only",
    "lgpl-2.1+": "LGPL-2.1-or-later",
    "lgpl-3": "LGPL-3.0-only",
    "lgpl-3+": "LGPL-3.0-or-later",
}
"""SPDX identifiers by the lower-case short names of the copyright format, where they differ."""

_STANZA = r"^Files:[^:]*?(?<=\s){files}.*?^License:[ \t]*(\S[^\n]*)"


def packages_of(files: Sequence[Path]) -> list[Component]:
    """Return the Debian packages that installed *files*, each once, in order of name.

    Empty where there is no dpkg; files that no package has are passed over.
    """
    if not files or shutil.which("dpkg-query") is None:
        return []
    owners = _owners([spelling for file in files for spelling in _spellings(file)])
    packages = sorted({owners[path] for file in files for path in _spellings(file) if path in owners})
    versions = dict(
        line.split("\t")
        for line in _query("--showformat=${binary:Package}\t${Version}\n", "--show", *packages)
    )
    return [_described(package, versions.get(package, "")) for package in packages]


def _described(package: str, version: str) -> Component:
    name = package.partition(":")[0]
    text = DOCUMENTATION / name / "copyright"
    texts = (LicenseText("copyright", Content(text)),) if text.is_file() else ()
    expression, stated = _license(text, name) if texts else (None, "")
    return Component(name, version, Kind.LIBRARY, expression, stated, texts)


def _spellings(file: Path) -> list[Path]:
    """List what dpkg may call *file*: with /usr merged, /lib and /usr/lib are one."""
    resolved = file.resolve()
    paths = [file, resolved]
    paths += [Path("/", *path.parts[2:]) for path in paths if path.parts[:2] == ("/", "usr")]
    return list(dict.fromkeys(paths))


def _owners(paths: Sequence[Path]) -> dict[Path, str]:
    """Return the package of each of *paths* that has one."""
    found = {}
    for line in _query("--search", *map(str, paths)):
        packages, _, path = line.rpartition(": ")
        found[Path(path)] = packages.partition(", ")[0]
    return found


def _query(*arguments: str) -> list[str]:
    """Return the lines that dpkg-query prints; it ends with status 1 if it does not know one of many."""
    done = subprocess.run(["dpkg-query", *arguments], check=False, capture_output=True, text=True)
    return done.stdout.splitlines()


def _license(copyright_file: Path, package: str) -> tuple[str | None, str]:
    """Return what is said of the library's own directory, else of all files of its source package."""
    text = copyright_file.read_text(errors="replace")
    own = re.escape(package.rstrip("0123456789.-")) + "/"
    patterns = (_STANZA.format(files=files) for files in (own, r"\*\s"))
    stanzas = (re.search(pattern, text, re.MULTILINE | re.DOTALL) for pattern in patterns)
    stated = next((found[1].strip() for found in stanzas if found), "")
    words = re.split(r"(\s+(?:and|or)\s+)", stated, flags=re.IGNORECASE)
    expression = "".join(
        word.upper() if number % 2 else SHORT_NAMES.get(word.lower(), word)
        for number, word in enumerate(words)
    )
    return normalized(expression), stated
