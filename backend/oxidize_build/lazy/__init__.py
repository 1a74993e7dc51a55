"""Lazy imports: which import statements of packed modules wait until their names are used, and how.

``targets`` decides in the build which modules may be imported lazily; ``statements`` and ``handlers`` are
run by the target's interpreter, which compiles, and use the standard library only.
"""
