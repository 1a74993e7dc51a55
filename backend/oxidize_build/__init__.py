"""oxidize: a PEP 517 build backend that turns a Python project into one native executable."""

__version__ = "0.1.0"
