"""C functions called by name, a callback, a structure, a library of the system."""

import cffi


def main():
    ffi = cffi.FFI()
    ffi.cdef(
        "size_t strlen(const char *); void qsort(void *, size_t, size_t, int (*)(const void *, const void *));"
        "struct point { int x; double y; };"
    )
    libc = ffi.dlopen(None)
    assert libc.strlen(b"hello") == 5
    numbers = ffi.new("int[]", [3, 1, 2])

    @ffi.callback("int(const void *, const void *)")
    def compare(a, b):
        return ffi.cast("int *", a)[0] - ffi.cast("int *", b)[0]

    libc.qsort(numbers, 3, 4, compare)
    assert list(numbers) == [1, 2, 3]
    assert ffi.sizeof("struct point") == 16 and ffi.new("struct point *", {"x": 3}).x == 3
    maths = cffi.FFI()
    maths.cdef("double cos(double);")
    assert maths.dlopen("libm.so.6").cos(0) == 1
    print("as expected")
