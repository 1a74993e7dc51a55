"""Where what is packed comes from, beside the standard library: the project, its dependencies, its files."""

from oxidize_build.sources.model import Sources
from oxidize_build.sources.obtain import obtain_files, obtain_wheels

__all__ = ["Sources", "obtain_files", "obtain_wheels"]
