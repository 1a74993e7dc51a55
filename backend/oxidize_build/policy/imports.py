"""Which modules a source may import, found without running it."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.util import resolve_name

DYNAMIC = frozenset({"__import__", "import_module", "find_spec", "run_module", "run_path"})
"""Functions that import what a string names."""

_NAME = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_REFERENCE = re.compile(rf"({_NAME.pattern})(?::{_NAME.pattern})?")
"""A dotted name, maybe with an object in it: ``package.module:attribute``."""


@dataclass(frozen=True, slots=True)
class Imports:
    """What a module may import."""

    names: frozenset[str]
    """Absolute names that it imports. ``from a import b`` gives ``a`` and ``a.b``: *b* may be a module."""
    texts: frozenset[str]
    """Dotted names that are the whole of a string constant."""
    is_dynamic: bool
    """It calls a function that imports what a string names."""


def find_imports(
    source: bytes,
    module: str,
    *,
    is_package: bool,
    without: Collection[str] = (),
    in_functions: bool = True,
) -> Imports:
    """Return what the module of that name and *source* may import.

    Imports in functions count if *in_functions*, but for those of the module's functions whose names are in
    *without*; so do not those of ``if __name__ == "__main__"``. Of a source that this interpreter cannot
    parse every word counts as a name in a string.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Imports(frozenset(), frozenset(_NAME.findall(source.decode("latin-1"))), is_dynamic=True)
    package = module if is_package else module.rpartition(".")[0]
    names: set[str] = set()
    texts: set[str] = set()
    is_dynamic = False
    for node in _walk(tree, module, without, in_functions=in_functions):
        match node:
            case ast.Import():
                names.update(alias.name for alias in node.names)
            case ast.ImportFrom():
                names.update(_imported_from(node, package))
            case ast.Constant(value=str(text)) if reference := _REFERENCE.fullmatch(text):
                texts.add(reference[1])
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in DYNAMIC:
                is_dynamic = True
            case _:
                pass
    return Imports(frozenset(names), frozenset(texts), is_dynamic)


def _walk(
    tree: ast.Module, module: str, without: Collection[str], *, in_functions: bool
) -> Iterator[ast.AST]:
    """Yield all nodes, but for those which only run when the module is the main one."""
    stack: list[ast.AST] = [
        node for node in tree.body if not isinstance(node, ast.FunctionDef) or node.name not in without
    ]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not in_functions:
            continue
        if isinstance(node, ast.If) and module != "__main__" and _is_main_guard(node.test):
            stack.extend(node.orelse)
        else:
            stack.extend(ast.iter_child_nodes(node))


def _is_main_guard(test: ast.expr) -> bool:
    match test:
        case ast.Compare(ast.Name("__name__"), [ast.Eq()], [ast.Constant("__main__")]):
            return True
    return False


def _imported_from(node: ast.ImportFrom, package: str) -> Iterator[str]:
    base = node.module or ""
    if node.level:
        try:
            base = resolve_name("." * node.level + base, package or "__main__")
        except ImportError:  # more dots than packages: it would fail
            return
    yield base
    yield from (f"{base}.{alias.name}" for alias in node.names if alias.name != "*")
