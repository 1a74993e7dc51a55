"""Fixtures that any test may use: a cache, a runtime, wheels made by hand."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import zipfile
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeAlias

import hypothesis
import pytest

from oxidize_build.cache import Cache
from oxidize_build.runtime.model import Runtime

MakeWheel: TypeAlias = Callable[..., Path]

hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def outcome() -> Callable[..., int]:
    """Return a function that runs the command ``oxidize`` and returns its exit status."""
    from oxidize_build.cli import main  # noqa: PLC0415 - only tests that ask need it

    def run(*args: str) -> int:
        with pytest.raises(SystemExit) as caught:
            main(args)
        return int(caught.value.code or 0)

    return run


@pytest.fixture(scope="session")
def runtime() -> Runtime:
    """The interpreter that runs the tests, as the build would find it."""
    from oxidize_build.runtime.host import host_runtime  # noqa: PLC0415 - only tests that ask need it

    return host_runtime()


@pytest.fixture(scope="session")
def musl_compiler() -> tuple[str, ...]:
    """The command of a compiler for musl: one that is installed, or else what compiles runtimes for it."""
    from oxidize_build.compiler import find_compiler  # noqa: PLC0415 - only tests that ask need these
    from oxidize_build.errors import CompilerError  # noqa: PLC0415 - see above
    from oxidize_build.runtime.build.sources import Sources  # noqa: PLC0415 - see above
    from oxidize_build.runtime.build.toolchain import MUSL, find_toolchain  # noqa: PLC0415 - see above

    sources = os.environ.get("OXIDIZE_TEST_SOURCES")
    try:
        if sources is None:
            return find_compiler("musl").command
        toolchain = find_toolchain(MUSL, sources=Sources(Path(sources), Cache.default()))
    except CompilerError as error:
        pytest.skip(error.message)
    return (*toolchain.cc, *toolchain.ldflags)


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be no C compiler."""
    from oxidize_build import compiler  # noqa: PLC0415 - only tests that ask need it

    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(compiler, "has_zig", lambda: False)


@pytest.fixture
def toy_runtime(tmp_path: Path) -> Runtime:
    """A made-up CPython 3.13 with an empty standard library, for tests that run no Python."""
    stdlib = tmp_path / "toy" / "lib" / "python3.13"
    (stdlib / "lib-dynload").mkdir(parents=True)
    return Runtime(
        version="3.13.5",
        hexversion=0x030D05F0,
        magic=b"\xf3\x0d\r\n",
        cache_tag="cpython-313",
        soabi="cpython-313-x86_64-linux-gnu",
        platform="linux-x86_64",
        python=tmp_path / "toy" / "bin" / "python3.13",
        stdlib=stdlib,
        dynload=stdlib / "lib-dynload",
        libpython=tmp_path / "toy" / "lib" / "libpython3.13.a",
        include_dirs=(),
        link_libraries=(),
        extension_suffixes=(".cpython-313-x86_64-linux-gnu.so", ".abi3.so", ".so"),
        builtin_modules=frozenset({"sys"}),
        frozen_modules=frozenset({"zipimport"}),
        tls_roots=("/usr/lib/ssl/cert.pem", "/usr/lib/ssl/certs"),
        build_paths=("/build/toy", "/build/toy/lib"),
        libc="glibc",
        glibc=None,
        glibc_limit=None,
        free_threaded=False,
    )


@pytest.fixture
def make_wheel(tmp_path: Path) -> MakeWheel:
    """Return a function that writes a wheel with a right RECORD, as a build backend would.

    *files* adds to its metadata files, or stands in for them.
    """
    return partial(write_wheel, folder=tmp_path / "made")


@pytest.fixture(scope="session")
def wheel_maker() -> MakeWheel:
    """The same for fixtures that several tests share: its argument *folder* has to be given."""
    return write_wheel


def write_wheel(
    name: str = "demo",
    version: str = "1.0",
    files: Mapping[str, bytes] | None = None,
    *,
    folder: Path,
    requires: Iterable[str] = (),
    extras: Iterable[str] = (),
    pure: bool = True,
    executable: Iterable[str] = (),
) -> Path:
    info = f"{name}-{version}.dist-info"
    fields = [("Metadata-Version", "2.1"), ("Name", name), ("Version", version)]
    fields += [("Requires-Dist", requirement) for requirement in requires]
    fields += [("Provides-Extra", extra) for extra in extras]
    contents = {
        f"{info}/METADATA": "".join(f"{key}: {value}\n" for key, value in fields).encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: {str(pure).lower()}\n".encode(),
        **(files if files is not None else {f"{name}.py": b"VALUE = 1\n"}),
    }
    contents[f"{info}/RECORD"] = record_of(contents, f"{info}/RECORD")
    return write_zip(folder / f"{name}-{version}-py3-none-any.whl", contents, frozenset(executable))


def record_of(contents: Mapping[str, bytes], own_path: str) -> bytes:
    """The RECORD file for *contents* (PEP 376)."""
    lines = []
    for path, data in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(data)}\n")
    return "".join([*lines, f"{own_path},,\n"]).encode()


def write_zip(path: Path, contents: Mapping[str, bytes], executable: frozenset[str] = frozenset()) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = (stat.S_IFREG | (0o755 if name in executable else 0o644)) << 16
            archive.writestr(member, data)
    return path
