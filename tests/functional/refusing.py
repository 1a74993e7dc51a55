"""Execute a program for which the kernel has no syscall user dispatch.

python refusing.py PROGRAM ARGUMENT...
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
PR_SET_SYSCALL_USER_DISPATCH = 59
SYS_PRCTL = 157
"""On x86_64."""
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
"""Instructions of classic BPF: a word of seccomp_data, compare with a constant, the verdict."""
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EINVAL


class Program(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def refuse() -> None:
    """Have prctl(PR_SET_SYSCALL_USER_DISPATCH) fail with EINVAL from now on."""
    instructions = (
        (LOAD, 0, 0, 0),  # the number
        (EQUAL, 0, 3, SYS_PRCTL),
        (LOAD, 0, 0, 16),  # the first argument
        (EQUAL, 0, 1, PR_SET_SYSCALL_USER_DISPATCH),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
    )
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)
    libc = ctypes.CDLL(None, use_errno=True)
    program = Program(len(instructions), code)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0
    ):
        raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    refuse()
    os.execv(sys.argv[1], sys.argv[1:])
