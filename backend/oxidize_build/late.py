"""Functions that a dynamic stub looks up when they are first called.

Each library that an executable needs costs every start a tenth of what an empty program takes: it is looked
for, opened, mapped and relocated. Of some hardly any program calls a function early. So their functions are
defined in the stub, each a jump through a slot that ``stub/late.c`` fills when it is first taken, and the
stub needs these libraries no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection, GNUVerSymSection
from elftools.elf.sections import SymbolTableSection

LATE_LIBRARIES = frozenset({"libm.so.6", "libutil.so.1", "librt.so.1"})
"""Their functions take integers, pointers and floating-point numbers: in general and in SSE registers."""
_HIDDEN_INDEX = 0x8000


class LateFunction(NamedTuple):
    """A function and the library that has it."""

    name: str
    library: str


def late_functions(stub: Path) -> list[LateFunction]:
    """Return the functions that *stub*, an executable for x86-64, takes from :data:`LATE_LIBRARIES`, by name.

    None for other machines.
    """
    with stub.open("rb") as file:
        elf = ELFFile(file)
        symbols = elf.get_section_by_name(".dynsym")
        versions = elf.get_section_by_name(".gnu.version")
        needed = elf.get_section_by_name(".gnu.version_r")
        if (
            elf.get_machine_arch() != "x64"
            or not isinstance(symbols, SymbolTableSection)
            or not isinstance(versions, GNUVerSymSection)
            or not isinstance(needed, GNUVerNeedSection)
        ):
            return []
        libraries = {aux["vna_other"]: need.name for need, auxes in needed.iter_versions() for aux in auxes}
        found = []
        for index, symbol in enumerate(symbols.iter_symbols()):
            version = versions.get_symbol(index)["ndx"]
            library = libraries.get(version & ~_HIDDEN_INDEX) if isinstance(version, int) else None
            is_function = symbol["st_info"]["type"] in ("STT_FUNC", "STT_NOTYPE")
            if symbol["st_shndx"] == "SHN_UNDEF" and is_function and library in LATE_LIBRARIES:
                found.append(LateFunction(symbol.name, library))
    return sorted(found)


def late_source(functions: Sequence[LateFunction]) -> str:
    """Return C code that defines *functions*, for ``stub/late.c``."""
    names = "".join(f'    {{"{function.name}", "{function.library}"}},\n' for function in functions)
    slots = "".join(f"    late_first_{index},\n" for index in range(len(functions)))
    declared = "".join(f"void late_first_{index}(void);\n" for index in range(len(functions)))
    jumps = "".join(_jump(index, function.name) for index, function in enumerate(functions))
    return _SOURCE.format(names=names, slots=slots, declared=declared, jumps=jumps, count=len(functions))


def _jump(index: int, name: str) -> str:
    lines = (
        f".hidden {name}",
        f".globl {name}",
        f".type {name}, @function",
        f"{name}:",
        "    endbr64",
        f"    jmp *late_slots+{8 * index}(%rip)",
        f"late_first_{index}:",
        "    endbr64",
        f"    pushq ${index}",
        "    jmp late_first",
    )
    return "".join(f'    "{line}\\n"\n' for line in lines)


_SOURCE = """\
#include <stddef.h>

struct late_function {{
    const char *name;
    const char *library;
}};
extern const struct late_function late_functions[];
extern const size_t late_function_count;
extern void *late_slots[];
{declared}
const struct late_function late_functions[] = {{
{names}}};
const size_t late_function_count = {count};
void *late_slots[] = {{
{slots}}};

/* Arguments are kept while the function is looked up; its number is on the stack. */
__asm__(
    ".text\\n"
    ".type late_first, @function\\n"
    "late_first:\\n"
    "    pushq %rax\\n"
    "    pushq %rdi\\n"
    "    pushq %rsi\\n"
    "    pushq %rdx\\n"
    "    pushq %rcx\\n"
    "    pushq %r8\\n"
    "    pushq %r9\\n"
    "    subq $136, %rsp\\n"
    "    movups %xmm0, (%rsp)\\n"
    "    movups %xmm1, 16(%rsp)\\n"
    "    movups %xmm2, 32(%rsp)\\n"
    "    movups %xmm3, 48(%rsp)\\n"
    "    movups %xmm4, 64(%rsp)\\n"
    "    movups %xmm5, 80(%rsp)\\n"
    "    movups %xmm6, 96(%rsp)\\n"
    "    movups %xmm7, 112(%rsp)\\n"
    "    movq 192(%rsp), %rdi\\n"
    "    call late_resolve\\n"
    "    movq %rax, %r11\\n"
    "    movups (%rsp), %xmm0\\n"
    "    movups 16(%rsp), %xmm1\\n"
    "    movups 32(%rsp), %xmm2\\n"
    "    movups 48(%rsp), %xmm3\\n"
    "    movups 64(%rsp), %xmm4\\n"
    "    movups 80(%rsp), %xmm5\\n"
    "    movups 96(%rsp), %xmm6\\n"
    "    movups 112(%rsp), %xmm7\\n"
    "    addq $136, %rsp\\n"
    "    popq %r9\\n"
    "    popq %r8\\n"
    "    popq %rcx\\n"
    "    popq %rdx\\n"
    "    popq %rsi\\n"
    "    popq %rdi\\n"
    "    popq %rax\\n"
    "    addq $8, %rsp\\n"
    "    jmp *%r11\\n"
{jumps}
);
"""
