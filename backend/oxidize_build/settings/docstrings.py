"""The documentation of the model's keys, taken from its source: for the schema and the reference only."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache


def summary(record: type) -> str:
    """Return the docstring of the class *record*, its paragraphs on one line each."""
    paragraphs = inspect.cleandoc(record.__doc__ or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def key_docs(record: type) -> dict[str, str]:
    """Return the docstring, on one line, of every field of the dataclass *record*, also of inherited ones."""
    docs: dict[str, str] = {}
    for base in reversed(record.__mro__[:-1]):
        docs |= _module_docs(base.__module__).get(base.__name__, {})
    return docs


@cache
def _module_docs(module: str) -> dict[str, dict[str, str]]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: dict(_field_docs(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _field_docs(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Give each field with the string below it (PEP 257 calls it an attribute docstring)."""
    for statement, following in zip(node.body, node.body[1:], strict=False):
        match statement, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, " ".join(text.split())
