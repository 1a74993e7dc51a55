"""Benchmarks of executables against those of other tools, and against plain Python."""
