"""A runtime's archive as a platform wheel, which is how users of a package index get theirs.

The wheel holds the archive as it is: of an unpacked one installers would compile the standard library for
another interpreter, and lose the links. :mod:`~oxidize_build.runtime.store` finds it by its entry point.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipInfo

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from wheel.wheelfile import WheelFile

from oxidize_build import __version__
from oxidize_build.errors import RuntimeNotUsableError
from oxidize_build.runtime.model import Component, Runtime
from oxidize_build.runtime.store import ENTRY_POINTS, RuntimeStore
from oxidize_build.staging import deliver, staging

_TIME = (1980, 1, 1, 0, 0, 0)
_EPOCH = "315532800"
_LEGACY_TAGS = {"2.5": "manylinux1", "2.12": "manylinux2010", "2.17": "manylinux2014"}
"""Names of PEP 600's tags that older installers know too."""
_ANYWHERE = ("manylinux_2_17", "manylinux2014", "musllinux_1_1")
"""Where fully static programs run; the oldest that all installers know."""


def write_runtime_wheel(archive: Path, output: Path, store: RuntimeStore) -> Path:
    """Write a wheel that holds the runtime in *archive* to the directory *output*, and return its path.

    The distribution is ``oxidize-runtime-cp314``, with ``t`` for a free-threaded and ``-musl`` for a static
    runtime, its version that of Python. The same archive gives the same bytes.

    Raises RuntimeNotUsableError when the archive holds no usable runtime, or does not tell which glibc it
    needs, and ArchiveError when it is damaged.
    """
    runtime = store.open(archive)
    platforms = platform_tags(runtime)
    package = distribution_name(runtime).replace("-", "_")
    prefix = f"{package}-{runtime.version}"
    name = f"{prefix}-py3-none-{'.'.join(sorted(platforms))}.whl"
    info = f"{prefix}.dist-info"
    texts = {
        f"{package}/__init__.py": f'"""Python {runtime.version}, which oxidize makes executables of."""\n',
        **_license_texts(runtime, f"{info}/licenses"),
        f"{info}/METADATA": _metadata(runtime),
        f"{info}/WHEEL": _wheel(platforms),
        f"{info}/entry_points.txt": f"[{ENTRY_POINTS}]\n{package} = {package}\n",
    }
    with staging(output) as directory:
        with _reproducible(), WheelFile(directory / name, "w") as wheel:
            wheel.writestr(ZipInfo(f"{package}/{archive.name}", _TIME), archive.read_bytes(), ZIP_STORED)
            for path, text in texts.items():
                wheel.writestr(ZipInfo(path, _TIME), text, ZIP_DEFLATED)
        return deliver([directory / name], output)[0]


def distribution_name(runtime: Runtime) -> str:
    """Return the name of the distribution package that *runtime* is published as."""
    tag = f"cp{runtime.short_version.replace('.', '')}{'t' if runtime.free_threaded else ''}"
    return f"oxidize-runtime-{tag}{'-musl' if runtime.libc == 'musl' else ''}"


def platform_tags(runtime: Runtime) -> tuple[str, ...]:
    """Return the platform tags (PEP 600, PEP 656) of the systems that *runtime* runs on.

    Raises RuntimeNotUsableError when it does not tell which glibc it needs.
    """
    machine = runtime.platform.rpartition("-")[2]
    if runtime.libc == "musl":
        return tuple(f"{tag}_{machine}" for tag in _ANYWHERE)
    if runtime.glibc is None:
        raise RuntimeNotUsableError(
            f"the runtime of Python {runtime.version} does not tell which version of glibc it needs",
            hint="use an archive whose PYTHON.json has `glibc-max-symbol-version` among `crt_features`",
        )
    tags = [f"manylinux_{runtime.glibc.replace('.', '_')}", _LEGACY_TAGS.get(runtime.glibc)]
    return tuple(f"{tag}_{machine}" for tag in tags if tag)


@contextmanager
def _reproducible() -> Iterator[None]:
    """Have :mod:`wheel` give RECORD a fixed time, which it takes from the environment alone."""
    variable = "SOURCE_DATE_EPOCH"
    before = os.environ.get(variable)
    os.environ[variable] = _EPOCH
    try:
        yield
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before


def _metadata(runtime: Runtime) -> str:
    fields = [
        ("Metadata-Version", "2.4"),
        ("Name", distribution_name(runtime)),
        ("Version", runtime.version),
        ("Summary", f"Python {runtime.version} for executables that oxidize-build makes ({runtime.triple})"),
    ]
    if expression := _license_expression(runtime.components):
        fields.append(("License-Expression", expression))
    fields += [("License-File", path) for path in _license_texts(runtime, "")]
    return "".join(f"{key}: {value}\n" for key, value in fields)


def _wheel(platforms: tuple[str, ...]) -> str:
    tags = "".join(f"Tag: py3-none-{platform}\n" for platform in platforms)
    return f"Wheel-Version: 1.0\nGenerator: oxidize-build {__version__}\nRoot-Is-Purelib: false\n{tags}"


def _license_expression(components: tuple[Component, ...]) -> str | None:
    """Return the licences of all components; None where one of them is not stated, or not in SPDX's terms."""
    parts = dict.fromkeys(component.license for component in components)
    try:
        return canonicalize_license_expression(" AND ".join(f"({part})" for part in parts))
    except InvalidLicenseExpression:
        return None


def _license_texts(runtime: Runtime, directory: str) -> dict[str, str]:
    """Return the licence texts of the components by their paths below *directory*."""
    texts = {}
    for component in runtime.components:
        for path in component.license_files:
            name = f"{component.name}/{path.name}"
            texts[f"{directory}/{name}" if directory else name] = path.read_text("utf-8", "replace")
    return dict(sorted(texts.items()))
