"""What figures were measured on, without names of the machine."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path


def describe() -> str:
    """Return the processor, the memory, and the system's kernel and C library."""
    libc, version = platform.libc_ver()
    release = re.match(r"\d+\.\d+", platform.release())
    kernel = f"{platform.system()} {release[0] if release else ''}".strip()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} processors ({_processor()}), {memory:.0f} GiB, {kernel}, {libc} {version}"


def _processor() -> str:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return re.sub(r"\s+", " ", found[1]) if found else platform.machine()
