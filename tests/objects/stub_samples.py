"""Small programs with the section that an image is attached to, made by the system's compiler."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

LINKER_SCRIPT = """
SECTIONS
{
  . = 0x10000000;
  .oxdata ALIGN(0x10000) : { KEEP(*(.oxdata)) }
}
INSERT AFTER .bss;
"""
SECTION = r"""
.section .oxdata,"a",@progbits
.balign 65536
.globl image
image: .ascii "OXISTUB\0"
.zero 56
.section .note.GNU-stack,"",@progbits
"""


def link_stub(
    folder: Path,
    *flags: str,
    program: str,
    script: str = LINKER_SCRIPT,
    section: str = SECTION,
    libraries: Sequence[str] = (),
) -> Path:
    """Compile and link the C source *program* and the assembly source *section*; return ``folder/stub``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "image.ld").write_text(script)
    (folder / "section.s").write_text(section)
    (folder / "main.c").write_text(program)
    sources = [str(folder / "main.c"), str(folder / "section.s")]
    options = [f"-Wl,-T,{folder / 'image.ld'}", *libraries, "-o", str(folder / "stub")]
    subprocess.run(["gcc", *flags, *sources, *options], check=True)
    return folder / "stub"
