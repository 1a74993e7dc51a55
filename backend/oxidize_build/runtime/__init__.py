"""Python runtimes: what an executable's interpreter and standard library are made of."""

from oxidize_build.runtime.model import Component, Runtime

__all__ = ["Component", "Runtime"]
