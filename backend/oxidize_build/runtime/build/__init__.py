"""Runtimes built from source: third-party sources, compilers, static libraries, CPython, the archive."""
