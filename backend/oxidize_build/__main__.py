"""``python -m oxidize_build``: the same as the command ``oxidize``."""

from oxidize_build.cli import main

main()
