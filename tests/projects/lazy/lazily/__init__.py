"""What the build makes wait, and what it must not."""

events = []
"""Names of modules, in the order in which their bodies ran."""
