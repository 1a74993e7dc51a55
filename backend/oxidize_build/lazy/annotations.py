"""Names in annotations that stay text: forward references, and all that the future import postpones.

Whoever evaluates them later does so in the function's namespace, which a name that waits is missing from; in
CPython 3.15 it is an object there that stands for the import.
So those of a module's functions and classes do not wait. Functions and classes that are made in functions
load the names when they are made.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import TypeAlias

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


class AnnotatedNames:
    """The names in the annotations of a module that stay text."""

    def __init__(self, tree: ast.Module) -> None:
        self._postponed = any(
            isinstance(statement, ast.ImportFrom)
            and statement.module == "__future__"
            and any(alias.name == "annotations" for alias in statement.names)
            for statement in tree.body
        )
        self.at_once = self._names(_annotations(tree))
        """Those of functions and classes that are made when the module is imported."""
        self.later: set[str] = set()
        """Those of functions and classes that functions make."""
        for function in ast.walk(tree):
            if isinstance(function, Function):
                self.later |= self._names(_annotations(function))

    def load_when_made(self, tree: ast.Module, names: set[str]) -> None:
        """Let functions that make functions and classes load those of *names* that their annotations have."""
        _Loader(self, names).visit(tree)

    def of(self, made: Function | ast.ClassDef) -> set[str]:
        """Return the names in the annotations of a function, or of a class and its methods."""
        return self._names(_annotations(made) if isinstance(made, ast.ClassDef) else _signature(made))

    def _names(self, annotations: Iterable[ast.expr]) -> set[str]:
        names: set[str] = set()
        for annotation in annotations:
            for node in ast.walk(annotation):
                if isinstance(node, ast.Name) and self._postponed:
                    names.add(node.id)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    names |= _names_in_text(node.value)
        return names


class _Loader(ast.NodeTransformer):
    """Puts statements that load names in front of functions and classes."""

    def __init__(self, annotated: AnnotatedNames, names: set[str]) -> None:
        self._annotated = annotated
        self._names = names
        self._in_function = False

    def visit(self, node: ast.AST) -> ast.AST | list[ast.stmt]:
        if isinstance(node, ast.expr):
            return node
        if not isinstance(node, Function | ast.ClassDef):
            return self.generic_visit(node)
        loads = self._loads(node) if self._in_function else []
        outer, self._in_function = self._in_function, not isinstance(node, ast.ClassDef)
        self.generic_visit(node)
        self._in_function = outer
        return [*loads, node]

    def _loads(self, made: Function | ast.ClassDef) -> list[ast.stmt]:
        first = made.decorator_list[0] if made.decorator_list else made
        return [
            ast.fix_missing_locations(ast.copy_location(ast.Expr(ast.Name(name, ast.Load())), first))
            for name in sorted(self._annotated.of(made) & self._names)
        ]


def _annotations(scope: ast.AST) -> Iterator[ast.expr]:
    """Yield the annotations of what is made when the body of *scope* is executed."""
    for node in ast.iter_child_nodes(scope):
        if isinstance(node, Function):
            yield from _signature(node)
        elif not isinstance(node, ast.expr):
            if isinstance(node, ast.AnnAssign) and not isinstance(scope, Function):
                yield node.annotation
            yield from _annotations(node)


def _signature(function: Function) -> Iterator[ast.expr]:
    if function.returns:
        yield function.returns
    arguments = function.args
    every = (
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        arguments.vararg,
        arguments.kwarg,
    )
    yield from (argument.annotation for argument in every if argument and argument.annotation)


def _names_in_text(text: str) -> set[str]:
    try:
        expression = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    return {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}
