"""Cython code made into C, with its packed headers and utility code"""

from pathlib import Path

import setuptools  # brings distutils, which the standard library has no more
from Cython.Build import cythonize
from Cython.Compiler.Errors import CompileError


def main():
    Path("fast.pyx").write_text(
        "from libc.math cimport sqrt\ncdef class P:\n    cdef double x\n"
        "    def root(self): return sqrt(self.x)\n\ndef f(int n): return [i for i in range(n)]\n"
    )
    cythonize(["fast.pyx"], language_level=3, quiet=True)
    text = Path("fast.c").read_text()
    assert "PyInit_fast" in text and "sqrt(" in text and "__Pyx_PyObject_GetAttrStr" in text
    Path("wrong.pyx").write_text("cdef int f(:\n")
    try:
        cythonize(["wrong.pyx"], language_level=3, quiet=True)
    except CompileError:
        print("as expected")
