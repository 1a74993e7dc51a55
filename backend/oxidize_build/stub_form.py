"""The two forms of a stub: a dynamic executable for glibc, and a fully static one for musl.

What they have in common is said in :mod:`link`. A static executable has no dynamic loader: it can load
no shared library, and its functions come in libc's place by the linker's ``--wrap``
(``stub/interpose.h``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from oxidize_build.runtime.model import Libc

SYSTEM_LIBRARIES = ("pthread", "dl", "util", "rt", "m", "c")
"""Parts of libc: what every system has, so that an executable may need them."""

_THREAD_STACK = 8 << 20
"""In bytes. musl's own is too small for Python; this is what glibc gives by default."""
_INTERPOSED = re.compile(r"^INTERPOSED\((\w+)\)", re.MULTILINE)
_WRAPPED = re.compile(r"^WRAPPED\((\w+)\)", re.MULTILINE)
"""What is wrapped in a dynamic executable too: there in the calls of the stub and of libpython only."""


@dataclass(frozen=True, slots=True)
class StubForm:
    """What is particular to one way of linking a stub."""

    is_static: bool
    """Whether libc is linked in, so that nothing is needed of the system but its kernel."""
    own_sources: frozenset[str]
    """C files that no other form takes."""
    compile_flags: tuple[str, ...]
    link_flags: tuple[str, ...]
    may_need: frozenset[str]
    """The libraries that the system may be asked for, beside the dynamic loader."""

    def sources(self, directory: Path) -> list[Path]:
        """List the C files in *directory* that a stub of this form is made of."""
        others = {name for form in FORMS.values() if form is not self for name in form.own_sources}
        return sorted(
            path
            for path in directory.glob("*.c")
            if path.name in PLATFORM_SOURCES | self.own_sources
            or not (path.name in others or path.name.startswith("os_"))
        )

    def wrap_flags(self, sources: Iterable[Path]) -> list[str]:
        """Tell the linker which of libc's functions *sources* define other ones for."""
        patterns = (_INTERPOSED, _WRAPPED) if self.is_static else (_WRAPPED,)
        texts = [path.read_text("utf-8") for path in sources]
        names = {name for pattern in patterns for text in texts for name in pattern.findall(text)}
        return [f"-Wl,--wrap={name}" for name in sorted(names)]


PLATFORM_SOURCES = frozenset({"os_posix.c", "os_linux.c", "os_helper.c"})
"""Those of the sources named ``os_*.c`` that every form takes."""

FORMS: dict[Libc, StubForm] = {
    "glibc": StubForm(
        is_static=False,
        own_sources=frozenset(
            {"library.c", "late.c", "carrier.c"}
            | {
                f"os_{name}.c"
                for name in ("dynamic", "dynamic_snapshot", "dispatch", "mapped", "glibc", "stack")
            }
        ),
        compile_flags=(),
        link_flags=(
            *("-Wl,--hash-style=gnu", "-Wl,-z,lazy"),
            "-Wl,--export-dynamic",  # the C API, for extension modules
        ),
        may_need=frozenset(
            {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1"}
        ),
    ),
    "musl": StubForm(
        is_static=True,
        own_sources=frozenset({"os_static.c", "os_static_memory.c", "os_static_snapshot.c"}),
        compile_flags=("-DOXIDIZE_STATIC", "-D_LARGEFILE64_SOURCE"),
        link_flags=("-static", f"-Wl,-z,stack-size={_THREAD_STACK}", "-Wl,-O0"),
        may_need=frozenset(),
    ),
}
"""By the libc of the runtime."""
