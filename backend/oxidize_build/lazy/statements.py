"""Compilation of a module whose import statements wait until their names are used.

Statements of the module itself wait, outside ``try``, ``with`` and whatever else is not ``if``. Each of
their names is judged alone. It must be bound by nothing else, and used by functions only, as what the
module's own body uses would be imported at once in any case. See ``_Judge`` for the rest.

From CPython 3.15 on such a statement becomes a lazy one of :pep:`810`. Before that it is replaced by a call
of BIND (stub/lazy.c), with the statement's code for later, and ``handlers`` makes functions run it.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from types import CodeType
from typing import TypeAlias

from oxidize_build.lazy.annotations import AnnotatedNames
from oxidize_build.lazy.handlers import add_handlers
from oxidize_build.lazy.instructions import Access, UnsupportedCodeError, accesses

BIND = "__oxidize_lazy_import__"
"""The built-in function that is called in place of a statement: with the name that it binds, the module and
the attribute that it imports, and its code."""
NATIVE = sys.version_info >= (3, 15)
_RUN_AT_ONCE = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<generic parameters of ")
_SHOW_NAMESPACE = {"globals": 0, "eval": 2, "exec": 2, "locals": 0, "vars": 1, "dir": 1}
"""Functions that see the namespace of their caller, and how many arguments they are given if they do not."""
_OF_FUNCTIONS_ONLY = {"locals", "vars", "dir"}
"""Those of them that see the namespace of a function in a function."""
_PLACE = "\0oxidize lazy import "

ImportStatement: TypeAlias = ast.Import | ast.ImportFrom


@dataclass(frozen=True, slots=True)
class Modules:
    """What the build knows of all modules, see :class:`oxidize_build.lazy.targets.LazyTargets`."""

    packed: frozenset[str]
    """Those that are in the executable."""
    lazy: frozenset[str]
    """Those of them that may be imported lazily."""


def rewrite(
    source: bytes, path: str, optimize: int, plain: CodeType, importer: Importer, modules: Modules
) -> Rewritten | None:
    """Return the module of *source*, whose code is *plain*, with statements that wait; None if none can."""
    tree = compile(source, path, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
    assert isinstance(tree, ast.Module)  # noqa: S101 - for the type checker
    judge = _Judge(tree, plain, importer, modules)
    rewriter = _Rewriter(judge, path, optimize)
    tree.body = rewriter.rewritten(tree.body)
    if not rewriter.names.isdisjoint(judge.annotations.later):
        judge.annotations.load_when_made(tree, rewriter.names)
    return Rewritten(tree, path, optimize, rewriter.statements, rewriter.names) if rewriter.names else None


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A module whose import statements wait."""

    tree: ast.Module
    path: str
    optimize: int
    statements: dict[str, CodeType]
    """The code of statements, and the texts that stand in their places until they are compiled."""
    names: Collection[str]
    """What the statements bind."""

    def compile(self) -> CodeType | None:
        """Return its code; None if a function cannot be made to run the statements."""
        code = compile(self.tree, self.path, "exec", dont_inherit=True, optimize=self.optimize)
        try:
            return code if NATIVE else _finished(code, self.statements, self.names)
        except UnsupportedCodeError:
            return None


def _finished(code: CodeType, statements: dict[str, CodeType], names: Collection[str]) -> CodeType:
    """Return *code* with the statements in their places, and with handlers in all functions."""
    constants: list[object] = []
    for constant in code.co_consts:
        if isinstance(constant, str) and constant in statements:
            constants.append(statements[constant])
        elif isinstance(constant, CodeType):
            constants.append(_with_handlers(constant, names))
        else:
            constants.append(constant)
    return code.replace(co_consts=tuple(constants))


def _with_handlers(code: CodeType, names: Collection[str]) -> CodeType:
    inner = tuple(
        _with_handlers(constant, names) if isinstance(constant, CodeType) else constant
        for constant in code.co_consts
    )
    if any(new is not old for new, old in zip(inner, code.co_consts, strict=True)):
        code = code.replace(co_consts=inner)
    return add_handlers(code, names)


class Use:
    """What a module's code does with the names of its namespace."""

    def __init__(self, code: CodeType) -> None:
        self.at_once: set[str] = set()
        """Those that its body loads, which includes the bodies of its classes."""
        self.later: set[str] = set()
        """Those that functions load."""
        self.bound: Counter[str] = Counter()
        """How often its body binds a name, or deletes it."""
        self.changed: set[str] = set()
        """Those that are global variables of functions and classes which bind or delete them."""
        self.local: set[str] = set()
        """Those that some function has for a variable of its own."""
        self.bound.update(name for access, name in accesses(code) if access is Access.BOUND)
        self._look(code, at_once=True)

    def _look(self, code: CodeType, *, at_once: bool) -> None:
        loaded = self.at_once if at_once else self.later
        self.local.update(code.co_varnames, code.co_cellvars, code.co_freevars)
        for access, name in accesses(code):
            if access is Access.LOADED:
                loaded.add(name)
            elif access is Access.BOUND_AS_GLOBAL:
                self.changed.add(name)
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                is_function = constant.co_flags & inspect.CO_OPTIMIZED
                runs = not is_function or constant.co_name.startswith(_RUN_AT_ONCE)
                self._look(constant, at_once=at_once and runs)


@dataclass(frozen=True, slots=True)
class Importer:
    """The module whose statements are looked at."""

    name: str
    is_package: bool

    def absolute(self, statement: ast.ImportFrom) -> str | None:
        """Return the full name of the module that *statement* imports from; None beyond the top."""
        if not statement.level:
            return statement.module
        parts = self.name.split(".")
        kept = len(parts) - statement.level + self.is_package
        base = ".".join(parts[:kept]) if kept > 0 else None
        return f"{base}.{statement.module}" if base and statement.module else base


@dataclass(frozen=True, slots=True)
class _Import:
    """One name that a statement binds."""

    name: str
    module: str
    """What is imported, by its full name."""
    attribute: str | None
    is_plain: bool
    """It binds the package at the top of *module*."""
    says_again: bool
    """``as`` is followed by the name itself, which is how a re-export is marked."""


class _Judge:
    """Tells which names of a module's import statements may wait."""

    def __init__(self, tree: ast.Module, code: CodeType, importer: Importer, modules: Modules) -> None:
        self._tree = tree
        self._code = code
        self._importer = importer
        self._modules = modules

    # What takes time is not looked at before there is a name for which it counts

    @cached_property
    def _use(self) -> Use:
        return Use(self._code)

    @cached_property
    def _annotations(self) -> set[str]:
        """Names in annotations that cannot be imported when a function is made."""
        return self.annotations.at_once | self.annotations.later & self._use.local

    @cached_property
    def annotations(self) -> AnnotatedNames:
        """Names in annotations that stay text."""
        return AnnotatedNames(self._tree)

    @cached_property
    def _exported(self) -> set[str]:
        return _exported(self._tree)

    @cached_property
    def _shows_namespace(self) -> bool:
        used = self._use.at_once | (self._use.later - _OF_FUNCTIONS_ONLY)
        return not used.isdisjoint(_SHOW_NAMESPACE) and _shows_namespace(self._tree)

    @cached_property
    def _plain(self) -> dict[str, list[_Import]]:
        """What is imported by ``import NAME`` and ``import NAME.MORE``, by name."""
        plain: dict[str, list[_Import]] = {}
        for statement in _statements(self._tree.body):
            for alias in statement.names:
                if (found := self.found(statement, alias)) and found.is_plain:
                    plain.setdefault(found.name, []).append(found)
        return plain

    def found(self, statement: ImportStatement, alias: ast.alias) -> _Import | None:
        """Return what *alias* imports; None for what never waits by its form."""
        if isinstance(statement, ast.Import):
            name = alias.asname or alias.name.partition(".")[0]
            return _Import(name, alias.name, None, alias.asname is None, says_again=False)
        module = self._importer.absolute(statement)
        if module is None or module == "__future__" or alias.name == "*":
            return None
        name = alias.asname or alias.name
        return _Import(name, module, alias.name, is_plain=False, says_again=alias.name == alias.asname)

    def may_wait(self, found: _Import) -> bool:
        """Whether the name may be imported when it is used."""
        return (
            not found.name.startswith("__")
            and not hasattr(builtins, found.name)
            and found.name != "_"  # gettext makes it a built-in name
            and all(self._target_may_wait(each) for each in self._together(found))
            and not any(self._hides_submodule(each) for each in self._together(found))
            and not self._shows_namespace
            and found.name not in self._use.at_once
            and self._is_only_imported(found)
            and not self._is_for_its_effect(found)
            and found.name not in self._annotations
        )

    def _together(self, found: _Import) -> list[_Import]:
        """Return what binds the same name to the same package: all of it waits, or nothing."""
        return self._plain[found.name] if found.is_plain else [found]

    def _is_only_imported(self, found: _Import) -> bool:
        times = len(self._together(found))
        return self._use.bound[found.name] == times and found.name not in self._use.changed

    def _target_may_wait(self, found: _Import) -> bool:
        imported = {found.module}
        if found.attribute and self._submodule(found) in self._modules.packed:
            imported.add(self._submodule(found))
        there = set(_with_parents(self._importer.name))
        # What is not packed is frozen, and always at hand
        parents = (self._modules.packed & {*_with_parents(found.module)}) - there
        return imported - there | parents <= self._modules.lazy

    def _is_for_its_effect(self, found: _Import) -> bool:
        """Whether nobody uses a module that is imported: what counts must be that it is."""
        is_module = found.attribute is None or self._submodule(found) in self._modules.packed
        used = found.name in self._use.later or found.name in self._exported or found.says_again
        return is_module and not used

    def _hides_submodule(self, found: _Import) -> bool:
        """Whether a package binds the name of a submodule to something else.

        When the submodule is imported it is bound to that name, which is right only if this comes first.
        """
        own = f"{self._importer.name}.{found.name}"
        imported = self._submodule(found) if found.attribute else found.module
        return self._importer.is_package and own in self._modules.packed and imported != own

    @staticmethod
    def _submodule(found: _Import) -> str:
        return f"{found.module}.{found.attribute}"


class _Rewriter:
    """Replaces import statements."""

    def __init__(self, judge: _Judge, path: str, optimize: int) -> None:
        self.names: set[str] = set()
        self.statements: dict[str, CodeType] = {}
        self._judge = judge
        self._path = path
        self._optimize = optimize

    def rewritten(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Return *body*, of a module or of an ``if``."""
        new: list[ast.stmt] = []
        for statement in body:
            if isinstance(statement, (ast.Import, ast.ImportFrom)):
                new += self._parts(statement)
                continue
            if isinstance(statement, ast.If):
                statement.body = self.rewritten(statement.body)
                statement.orelse = self.rewritten(statement.orelse)
            new.append(statement)
        return new

    def _parts(self, statement: ImportStatement) -> Iterator[ast.stmt]:
        """Yield what *statement* becomes: names that do not wait keep their order."""
        for alias in statement.names:
            found = self._judge.found(statement, alias)
            part = _only(statement, alias)
            if found and self._judge.may_wait(found):
                self.names.add(found.name)
                yield self._lazy(part, found)
            else:
                yield part

    def _lazy(self, part: ImportStatement, found: _Import) -> ast.stmt:
        if NATIVE:
            part.is_lazy = 1  # type: ignore[union-attr]  # new in 3.15
            return part
        place = f"{_PLACE}{len(self.statements)}"
        self.statements[place] = compile(
            ast.Module([part], []), self._path, "exec", dont_inherit=True, optimize=self._optimize
        )
        arguments = [ast.Constant(value) for value in (found.name, found.module, found.attribute, place)]
        call = ast.Call(ast.Name(BIND, ast.Load()), list[ast.expr](arguments), [])
        return ast.fix_missing_locations(ast.copy_location(ast.Expr(call), part))


def _only(statement: ImportStatement, alias: ast.alias) -> ImportStatement:
    part: ImportStatement
    if isinstance(statement, ast.Import):
        part = ast.Import([alias])
    else:
        part = ast.ImportFrom(statement.module, [alias], statement.level)
    if getattr(statement, "is_lazy", 0):  # 3.15: it says so itself
        part.is_lazy = 1  # type: ignore[union-attr]  # new in 3.15
    return ast.copy_location(part, statement)


def _statements(body: list[ast.stmt]) -> Iterator[ImportStatement]:
    """Yield the import statements that can wait by where they are."""
    for statement in body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            yield statement
        elif isinstance(statement, ast.If):
            yield from _statements(statement.body)
            yield from _statements(statement.orelse)


def _with_parents(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.rpartition(".")[0]


def _shows_namespace(tree: ast.Module) -> bool:
    """Whether some code may see the module's namespace, and miss names in it."""
    calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in _SHOW_NAMESPACE:
            call, enough = calls.get(id(node)), _SHOW_NAMESPACE[node.id]
            if not (call and enough and len(call.args) + len(call.keywords) >= enough):
                return True
    return False


def _exported(tree: ast.Module) -> set[str]:
    """Return the texts in assignments to ``__all__``."""
    return {
        constant.value
        for statement in tree.body
        if isinstance(statement, (ast.Assign, ast.AugAssign, ast.AnnAssign))
        and any(isinstance(node, ast.Name) and node.id == "__all__" for node in ast.walk(statement))
        for constant in ast.walk(statement)
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str)
    }
