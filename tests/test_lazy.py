"""Import statements that wait: which do, and that the code of functions stays what it was."""

from __future__ import annotations

import ast
import builtins
import dis
import json
import sysconfig
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from types import CodeType

import pytest

from oxidize_build.lazy import handlers, instructions, statements
from oxidize_build.lazy.statements import Importer, Modules, rewrite
from oxidize_build.lazy.targets import lazy_targets
from oxidize_build.resources import Content, Placement, SourceModule

pytestmark = pytest.mark.skipif(statements.NATIVE, reason="CPython itself has lazy imports")

PACKED = frozenset({"one", "two", "package", "package.part", "package.name", "own", "own.name", "own.other"})


def waiting(
    source: str, *, name: str = "user", lazy: frozenset[str] = PACKED, package: bool = False
) -> set[str]:
    """Return the names that wait in a module of *source*."""
    plain = compile(source, "user.py", "exec")
    modules = Modules(PACKED, lazy)
    found = rewrite(source.encode(), "user.py", 0, plain, Importer(name, package), modules)
    return set(found.names) if found else set()


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import one\ndef f(): return one", {"one"}),
        ("import one as two\ndef f(): return two", {"two"}),
        ("from one import a, b as c", {"a", "c"}),
        ("from one import a\nfrom two import b\nx = a", {"b"}),
        ("from one import a, b\nclass C(a): pass", {"b"}),
        ("from one import a\ndef f(x=a): pass", set()),
        ("from one import a\n@a\ndef f(): pass", set()),
        ("from one import a\nx = [a for _ in '']", set()),
        ("from one import a\nx = lambda: a", {"a"}),
        ("from one import a\nclass C:\n  def f(self): return a", {"a"}),
        ("from one import a\nclass C:\n  x = a", set()),
        ("from one import a\na = 1", set()),
        ("from one import a\ndel a", set()),
        ("from one import a\ndef f():\n  global a\n  a = 1", set()),
        ("from one import a\ndef f():\n  a = 1\n  return a", {"a"}),
        ("try:\n  import one\nexcept ImportError: pass\ndef f(): return one", set()),
        ("with x:\n  from one import a", set()),
        ("for x in y:\n  from one import a", set()),
        ("if x:\n  from one import a\nelse:\n  from two import b", {"a", "b"}),
        ("if x:\n  from one import a\nelse:\n  from two import a", set()),
        ("def f():\n  from one import a", set()),
        ("from one import *", set()),
        ("from __future__ import annotations", set()),
        ("from unknown import a", set()),
        ("import unknown\nimport one\ndef f(): return one, unknown", {"one"}),
        ("import one", set()),
        ("from package import part", set()),
        ("from package import part as part", {"part"}),
        ("from package import part\n__all__ = ['part']", {"part"}),
        ("from package import part\ndef f(): return part", {"part"}),
        ("import package.part\nimport package.name\ndef f(): return package", {"package"}),
        ("import package.part\nimport package.missing\ndef f(): return package", set()),
        ("from one import open, _, __name", set()),
        ("from one import a\ndef f(): return globals()", set()),
        ("from one import a\ndef f(): return eval('a')", set()),
        ("from one import a\ndef f(): return eval('a', {})", {"a"}),
        ("from one import a\ndef f(): return map(eval, [])", set()),
        ("from one import a\ndef f(): return locals(), vars(), dir()", {"a"}),
        ("from one import a\nx = dir()", set()),
        ("from one import a\ndef f(x: 'a'): pass", set()),
        ("from one import a\ndef f() -> 'list[a]': pass", set()),
        ("from __future__ import annotations\nfrom one import a\ndef f(x: a): pass", set()),
        ("from __future__ import annotations\nfrom one import a\nx: a", set()),
        ("from __future__ import annotations\nfrom one import a\nclass C:\n  x: a", set()),
        ("from __future__ import annotations\nfrom one import a\nclass C:\n  def f(x: a): pass", set()),
        ("from __future__ import annotations\nfrom one import a\ndef f():\n  def g(x: a): pass", {"a"}),
        ("from __future__ import annotations\nfrom one import a\ndef f():\n  x: a", {"a"}),
        ("from one import a\ndef f():\n  class C:\n    x: 'a'", {"a"}),
        ("from one import a\ndef f(x):\n  a = x\n  def g(y: 'a'): pass", set()),
    ],
)
def test_what_waits(source: str, names: set[str]) -> None:
    assert waiting(source) == names


def test_what_waits_in_a_package() -> None:
    """A submodule is bound to its name when it is imported: nothing else of that name may come later."""
    assert waiting("from .other import name", name="own", package=True) == set()
    assert waiting("from .other import another", name="own", package=True) == {"another"}
    assert waiting("from . import name as name", name="own", package=True) == {"name"}
    assert waiting("from .other import name", name="own.name") == {"name"}
    assert waiting("from ...other import name", name="own.name") == set()


def test_parents_have_to_be_lazy_too() -> None:
    source = "import package.part as part\ndef f(): return part"
    assert waiting(source) == {"part"}
    assert waiting(source, lazy=frozenset({"package.part"})) == set()
    assert waiting("from package.part import a", name="package", lazy=frozenset({"package.part"})) == {"a"}


def test_functions_load_names_of_annotations_when_they_make_functions() -> None:
    source = """\
from __future__ import annotations
from one import a, b, c
def f(x):
    if x:
        @str
        def g(y: a) -> "b": ...
    class C:
        z: c
        def h(self, y: b): ...
"""
    plain = compile(source, "user.py", "exec")
    modules = Modules(PACKED, PACKED)
    found = rewrite(source.encode(), "user.py", 0, plain, Importer("user", is_package=False), modules)
    assert found
    function = found.tree.body[-1]
    assert isinstance(function, ast.FunctionDef)
    made = [line.strip() for line in ast.unparse(function).splitlines() if line.strip()]
    assert made == [
        "def f(x):",
        *("if x:", "a", "b", "@str", "def g(y: a) -> 'b':", "..."),
        *("b", "c", "class C:", "z: c", "def h(self, y: b):", "..."),
    ]


def codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


MODULES = ("asyncio/base_events", "contextlib", "tarfile", "typing")


@pytest.mark.parametrize("module", MODULES)
def test_code_grows_at_its_end_only(module: str) -> None:
    source = (Path(sysconfig.get_path("stdlib")) / f"{module}.py").read_bytes()
    for code in codes(compile(source, module, "exec")):
        names = {name for kind, name in instructions.accesses(code) if kind is instructions.Access.LOADED}
        changed = handlers.add_handlers(code, names)
        size = len(code.co_code)
        assert changed.co_code[:size] == code.co_code
        assert list(changed.co_positions())[: size // 2] == list(code.co_positions())
        assert changed.co_consts[: len(code.co_consts)] == code.co_consts
        assert bool(names) == (changed is not code) or size == len(changed.co_code)
        assert handlers.add_handlers(code, ()) is code
        # What is protected by whom has not changed but for instructions that now have a handler of their own
        before = instructions.read_handlers(code.co_exceptiontable)
        after = instructions.read_handlers(changed.co_exceptiontable)
        for each in instructions.instructions(code):
            old, new = instructions.covering(before, each.start), instructions.covering(after, each.start)
            if new is not None and new.target >= size // 2:
                assert handlers.loaded_name(code, each)
            else:
                assert (old and (old.target, old.depth)) == (new and (new.target, new.depth))
        handlers.stack_depths(changed)


def test_positions_of_handlers_are_those_of_what_they_handle() -> None:
    source = "def f(x):\n    return [\n        x,\n        name,\n    ]\n"
    (code,) = (each for each in codes(compile(source, "f", "exec")) if each.co_name == "f")
    changed = handlers.add_handlers(code, {"name"})
    lines = {position[0] for position in list(changed.co_positions())[len(code.co_code) // 2 :]}
    assert lines == {4}
    assert {position[2:] for position in list(changed.co_positions())[len(code.co_code) // 2 :]} == {(8, 12)}


def test_a_handler_is_called_once_and_has_the_stack_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[str | None, str]] = []
    namespace: dict[str, object] = {}

    def load(exception: NameError, name: str) -> None:
        called.append((exception.name, name))
        namespace[name] = 10

    monkeypatch.setattr(builtins, handlers.LOAD, load, raising=False)
    code = compile("def f():\n  return [1, *[2, name], sum([3, name]), name]\n", "f", "exec")
    constants = tuple(
        handlers.add_handlers(constant, {"name"}) if isinstance(constant, CodeType) else constant
        for constant in code.co_consts
    )
    exec(code.replace(co_consts=constants), namespace)
    function = namespace["f"]
    assert callable(function)
    assert [function(), function()] == [[1, 2, 10, 13, 10]] * 2
    assert called == [("name", "name")]


def test_long_jumps_and_many_names() -> None:
    body = "".join(f"  x{number} = name{number}\n" for number in range(400))
    code = compile(f"def f():\n{body}", "f", "exec")
    (function,) = (each for each in codes(code) if each.co_name == "f")
    changed = handlers.add_handlers(function, {f"name{number}" for number in range(400)})
    jumps = [each for each in instructions.instructions(changed) if each.name == "JUMP_BACKWARD_NO_INTERRUPT"]
    sites = {each.start for each in instructions.instructions(function) if each.name == "LOAD_GLOBAL"}
    assert [each.target for each in jumps] == sorted(sites)
    assert dis.Bytecode(changed).dis()


def module(name: str, source: str = "", placement: Placement = Placement.MEMORY) -> SourceModule:
    path = PurePosixPath(*name.split(".")).with_suffix(".py")
    return SourceModule(name, False, path, Content(source.encode()), "x", placement=placement)


def test_which_modules_may_be_imported_lazily() -> None:
    resources = [
        module("a"),
        module("a.b"),
        module("ab"),
        module("readline"),
        module("encodings.idna"),
        module("beside", placement=Placement.FILESYSTEM),
        module("__main__"),
    ]
    assert lazy_targets(False, resources) is None
    assert lazy_targets((), resources) is None
    everything = lazy_targets(True, resources, ["ab"])
    assert everything
    assert everything.lazy == {"a", "a.b"}
    assert everything.packed == {resource.name for resource in resources}
    some = lazy_targets(("a",), resources)
    assert some
    assert some.lazy == {"a", "a.b"}
    matched = lazy_targets(("a*",), resources)
    assert matched
    assert matched.lazy == {"a", "a.b", "ab"}


def test_a_module_is_compiled_anew_only_for_what_it_speaks_of() -> None:
    first = lazy_targets(True, [module("a"), module("a.b"), module("c"), module("d.e")])
    second = lazy_targets(True, [module("a"), module("a.b"), module("c"), module("f.e"), module("g")])
    assert first
    assert second
    user = module("user", "import a\nfrom a.b import (\n  e)\nimport unknown")
    assert first.request(user) == second.request(user)
    assert json.loads(json.dumps(first.request(user))) == {
        "name": "user",
        "package": False,
        "packed": ["a", "a.b"],
        "lazy": ["a", "a.b"],
    }
    assert first.request(module("__main__", "import a")) is None
    assert first.request(module("user", "import unknown")) is None
    relative = first.request(module("d.x", "from . import e"))
    assert relative
    assert relative["packed"] == ["d.e"]
