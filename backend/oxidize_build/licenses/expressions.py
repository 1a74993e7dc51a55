"""SPDX licence expressions: from what distributions state, and what patterns say of one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from license_expression import LicenseWithExceptionSymbol, Licensing, get_spdx_licensing
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.metadata import RawMetadata

CLASSIFIERS: Mapping[str, str] = {
    "Academic Free License (AFL)": "AFL-3.0",
    "Apache Software License": "Apache-2.0",
    "Artistic License": "Artistic-2.0",
    "Blue Oak Model License (BlueOak-1.0.0)": "BlueOak-1.0.0",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "BSD License": "BSD-3-Clause",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "Eclipse Public License 1.0 (EPL-1.0)": "EPL-1.0",
    "Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0",
    "European Union Public Licence 1.1 (EUPL 1.1)": "EUPL-1.1",
    "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU General Public License (GPL)": "GPL-2.0-or-later",
    "GNU Lesser General Public License v2 (LGPLv2)": "LGPL-2.0-only",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "GNU Library or Lesser General Public License (LGPL)": "LGPL-2.0-or-later",
    "Historical Permission Notice and Disclaimer (HPND)": "HPND",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Mulan Permissive Software License v2 (MulanPSL-2.0)": "MulanPSL-2.0",
    "PostgreSQL License": "PostgreSQL",
    "Python License (CNRI Python License)": "CNRI-Python",
    "Python Software Foundation License": "PSF-2.0",
    "SIL Open Font License 1.1 (OFL-1.1)": "OFL-1.1",
    "The Unlicense (Unlicense)": "Unlicense",
    "University of Illinois/NCSA Open Source License": "NCSA",
    "Universal Permissive License (UPL)": "UPL-1.0",
    "Zope Public License": "ZPL-2.1",
    "zlib/libpng License": "Zlib",
}
"""SPDX identifiers by the last part of a trove classifier ``License :: ...``.

Classifiers that leave a version or a variant open are taken for the usual one: the texts are packed too.
"""

SAID = {
    "3-clause bsd": "BSD-3-Clause",
    "apache": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "gplv2": "GPL-2.0-only",
    "gplv2+": "GPL-2.0-or-later",
    "gplv3": "GPL-3.0-only",
    "gplv3+": "GPL-3.0-or-later",
    "gpl": "GPL-2.0-or-later",
    "lgpl": "LGPL-2.0-or-later",
    "mit license": "MIT",
    "mpl 2.0": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "psf": "PSF-2.0",
    "public domain": "LicenseRef-Public-Domain",
}
"""SPDX identifiers by what the free text field ``License`` often holds."""


def normalized(text: str) -> str | None:
    """Return the SPDX expression *text* in its canonical spelling, None when it is not one (PEP 639)."""
    try:
        return canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return None


def stated_by(metadata: RawMetadata) -> tuple[str | None, str]:
    """Return the expression of a distribution, and its own words where they are not one.

    ``License-Expression`` (PEP 639) comes first, then the classifiers, then the free text of ``License``.
    """
    if expression := metadata.get("license_expression"):
        return normalized(expression), expression
    said = metadata.get("license", "").strip()
    found = [line.split(" :: ")[-1] for line in metadata.get("classifiers", []) if line.startswith("License")]
    known = list(dict.fromkeys(CLASSIFIERS[name] for name in found if name in CLASSIFIERS))
    from_text = normalized(said) or SAID.get(said.lower())
    if from_text and (not known or known == [from_text]):
        return from_text, said
    # Several classifiers mean a choice as often as a sum: the free text tells if it is an expression
    if known:
        return (from_text or " AND ".join(known)), said or ", ".join(found)
    return from_text, said.partition("\n")[0] or ", ".join(found)


def is_allowed(expression: str, allow: Sequence[str], deny: Sequence[str]) -> bool:
    """Whether one may comply with *expression* by licences that *allow* names and *deny* does not.

    The patterns are those of :mod:`fnmatch`, compared with SPDX identifiers. Of ``A OR B`` one must do, of
    ``A AND B`` both. An empty *allow* allows everything. ``GPL-2.0-only WITH Classpath-exception-2.0`` is
    compared as a whole first, so an exception can be allowed on purpose, then by its licence.
    """
    return _is_allowed(_spdx().parse(expression), tuple(allow), tuple(deny))


def _is_allowed(node: Any, allow: Sequence[str], deny: Sequence[str]) -> bool:  # noqa: ANN401 - no types there
    operator = getattr(node, "operator", "").strip()
    if operator == "OR":
        return any(_is_allowed(argument, allow, deny) for argument in node.args)
    if operator == "AND":
        return all(_is_allowed(argument, allow, deny) for argument in node.args)
    names = [str(node)]
    if isinstance(node, LicenseWithExceptionSymbol):
        if _matches(names, allow):
            return True
        names.append(str(node.license_symbol))
    return not _matches(names, deny) and (not allow or _matches(names, allow))


def _matches(names: Iterable[str], patterns: Iterable[str]) -> bool:
    patterns = tuple(patterns)
    return any(fnmatchcase(name.lower(), pattern.lower()) for name in names for pattern in patterns)


@cache
def _spdx() -> Licensing:
    return get_spdx_licensing()
