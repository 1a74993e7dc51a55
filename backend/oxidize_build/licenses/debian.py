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

_MAIN_LICENSE = re.compile(r"^Files:\s*\*\s*$.*?^License:[ \t]*(\S[^\n]*)", re.MULTILINE | re.DOTALL)


def package_of(file: Path) -> Component | None:
    """Return the Debian package that installed *file*; None where there is no dpkg, or no package has it."""
    if shutil.which("dpkg-query") is None:
        return None
    package = next((name for path in _spellings(file) if (name := _owner(path))), None)
    if package is None:
        return None
    version = _query("--showformat=${Version}", "--show", package)
    text = DOCUMENTATION / package.partition(":")[0] / "copyright"
    texts = (LicenseText("copyright", Content(text)),) if text.is_file() else ()
    expression, stated = _license(text) if texts else (None, "")
    return Component(package.partition(":")[0], version, Kind.LIBRARY, expression, stated, texts)


def packages_of(files: Sequence[Path]) -> list[Component]:
    """Return the packages that installed *files*, each once, in order of name."""
    found = {package.name: package for file in files if (package := package_of(file))}
    return [found[name] for name in sorted(found)]


def _spellings(file: Path) -> list[Path]:
    """List what dpkg may call *file*: with /usr merged, /lib and /usr/lib are one."""
    resolved = file.resolve()
    paths = [file, resolved]
    paths += [Path("/", *path.parts[2:]) for path in paths if path.parts[:2] == ("/", "usr")]
    return list(dict.fromkeys(paths))


def _owner(path: Path) -> str | None:
    line = _query("--search", str(path)).partition("\n")[0]
    return line.rpartition(": ")[0] or None


def _query(*arguments: str) -> str:
    done = subprocess.run(["dpkg-query", *arguments], check=False, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def _license(copyright_file: Path) -> tuple[str | None, str]:
    found = _MAIN_LICENSE.search(copyright_file.read_text(errors="replace"))
    if found is None:
        return None, ""
    stated = found[1].strip()
    words = re.split(r"(\s+(?:and|or)\s+)", stated, flags=re.IGNORECASE)
    expression = "".join(
        word.upper() if number % 2 else SHORT_NAMES.get(word.lower(), word)
        for number, word in enumerate(words)
    )
    return normalized(expression), stated
