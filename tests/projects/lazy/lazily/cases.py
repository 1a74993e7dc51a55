"""One case for each name on the command line: prints what it found as JSON."""

import importlib
import json
import sys
import threading
import traceback
import types
import typing

import lazily


def loaded(*names):
    return [f"lazily.{name}" in sys.modules for name in names]


def waits():
    from lazily import user

    before = loaded("named", "plain", "sub.one", "conditional")
    thing = user.make(3)
    return [before, loaded("named"), thing.value, type(user.Thing).__name__]


def chosen():
    from lazily import user

    before = loaded("chosen", "unchosen")
    return [before, user.uses_chosen(), loaded("chosen", "unchosen")]


def effects():
    from lazily import user  # noqa

    return loaded("stray", "registered")


def dotted():
    from lazily import user

    return [loaded("sub", "sub.one", "sub.two"), user.dotted(), loaded("sub.one", "sub.two")]


def at_once():
    from lazily import at_once

    return [loaded("named"), at_once.Derived(1).value]


def from_outside():
    from lazily import user

    has = [hasattr(user, "LIMIT"), hasattr(user, "nothing")]
    return [has, loaded("named", "chosen"), user.decorate(1), user.the_chosen is lazily.chosen]


def names():
    from lazily import user

    listed = [name in dir(user) for name in ("Thing", "the_chosen", "make", "__oxidize_lazy_names__")]
    before = loaded("named")
    return [listed, before, "Thing" in vars(user), "__oxidize_lazy_names__" in vars(user), loaded("named")]


def class_of_module():
    from lazily import fails, user

    before = isinstance(user, types.ModuleType), user.__class__ is types.ModuleType
    vars(user)
    return [before, user.__class__ is types.ModuleType, repr(user)[:22], fails.__name__]


def star():
    namespace = {}
    exec("from lazily.sub import *", namespace)
    return [namespace["late"](), namespace["clash"]()]


def chain():
    import lazily.sub

    before = loaded("sub.chain")
    from lazily.sub import late

    return [before, late(), loaded("sub.chain")]


def submodule_of_the_same_name():
    import lazily.sub.clash
    from lazily.sub import clash

    return clash()


def own_submodule():
    from lazily import sub

    before = loaded("sub.three", "sub.four")
    first = sub.three.value
    from lazily.sub import four

    return [before, first, four.value]


def set_before():
    from lazily import user

    user.Thing = str
    user.extra = 1
    return [loaded("named"), user.make(3), user.Thing is str]


def delete_before():
    from lazily import user

    del user.Thing
    try:
        user.make(3)
    except NameError as error:
        return [loaded("named"), str(error), hasattr(user, "Thing")]


def patched():
    from unittest import mock

    from lazily import user

    with mock.patch("lazily.user.Thing", str):
        inside = user.make(3)
    return [inside, user.make(3).value]


def reloaded():
    from lazily import user

    user.make(1)
    sys.modules["lazily.named"].LIMIT = 10
    again = importlib.reload(user)
    return [
        again is user,
        user.limit(),
        importlib.reload(sys.modules["lazily.named"]).LIMIT,
        user.make(2).value,
    ]


def forms():
    import asyncio
    import contextlib

    from lazily import forms

    async def consume():
        return [item async for item in forms.in_async_generator()]

    generator = forms.in_generator()
    found = [next(generator), next(generator), generator.send("sent")]
    return [
        loaded("named"),
        forms.in_try(), forms.in_except(), forms.in_with(contextlib.nullcontext(6)), forms.in_loop(),
        forms.in_comprehension(), found, asyncio.run(forms.in_coroutine()), asyncio.run(consume()),
        forms.in_lambda(), forms.in_class(), forms.in_default(), forms.in_decorator(),
        forms.in_match(forms.Thing(9)), forms.in_call(1, *[2], a=3), forms.in_arithmetic(),
    ]  # fmt: skip


def each_form_first():
    """Each form in a module whose names still wait."""
    import asyncio
    import contextlib

    calls = {
        "in_try": (), "in_except": (), "in_with": (contextlib.nullcontext(6),), "in_loop": (),
        "in_comprehension": (), "in_generator": (), "in_coroutine": (), "in_lambda": (), "in_class": (),
        "in_default": (), "in_decorator": (), "in_match": (5,), "in_call": (1,), "in_arithmetic": (),
    }  # fmt: skip
    found = {}
    for name, arguments in calls.items():
        for module in ("lazily.forms", "lazily.named"):
            sys.modules.pop(module, None)
        forms = importlib.import_module("lazily.forms")
        before = loaded("named")[0]
        result = getattr(forms, name)(*arguments)
        if name == "in_generator":
            result = [next(result), next(result)]
        if name == "in_coroutine":
            result = asyncio.run(result)
        found[name] = [before, result, loaded("named")[0]]
    return found


def visible():
    from lazily import visible

    return visible.names()


def evaluated():
    from lazily import evaluated, postponed

    hints = [typing.get_type_hints(module.annotated)["thing"].__name__ for module in (evaluated, postponed)]
    return [hints, evaluated.evaluate()]


def annotated_later():
    from lazily import postponed

    return [loaded("conditional"), typing.get_type_hints(postponed.make())["other"].__name__]


def missing():
    try:
        import lazily.missing
    except ModuleNotFoundError as error:
        return [str(error), error.name, "lazily.missing" in sys.modules]


def optional():
    from lazily import optional

    return [loaded("chosen"), optional.use()[0]]


def fails():
    import os

    from lazily import fails

    found = [fails.unrelated() >= 0]
    try:
        fails.use()
    except RuntimeError as error:
        frames = traceback.extract_tb(error.__traceback__)
        found += [
            str(error), [(frame.name, frame.line) for frame in frames if "lazily" in frame.filename],
            getattr(error, "__notes__", None), type(error.__context__).__name__,
        ]  # fmt: skip
    os.environ["MENDED"] = "1"
    return [*found, fails.use()]


def no_such_attribute():
    from lazily import no_such_attribute

    try:
        no_such_attribute.use()
    except ImportError as error:
        return [str(error).partition(" (")[0], error.name, hasattr(error, "__notes__")]


def undefined():
    from lazily import user

    try:
        user.undefined()
    except NameError as error:
        frames = traceback.extract_tb(error.__traceback__)
        return [str(error), error.name, [(frame.name, frame.line) for frame in frames]]


def builtin_names():
    from lazily import builtin_names

    return builtin_names.use()


def rebound():
    from lazily import rebound

    before = rebound.use()[1]
    rebound.reset()
    return [before, rebound.use()[1]]


def circle():
    from lazily import circle_a

    return [loaded("circle_b"), circle_a.first()]


def replaced():
    from lazily import user

    return user.replacement()


def in_threads():
    from lazily import user

    found = []
    threads = [threading.Thread(target=lambda: found.append(user.thread())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [len(found), len(set(map(id, found))), lazily.events.count("threads_target")]


def pickled():
    import pickle

    from lazily import user

    return pickle.loads(pickle.dumps(user.make(4))).value


def from_dictionary():
    """A copy of the namespace, as runpy makes it."""
    import runpy

    return runpy.run_module("lazily.forms")["in_arithmetic"]()


def command():
    import subprocess

    done = subprocess.run(
        [sys.executable, "-c", "from lazily import user; print(user.make(5).value)"],
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr


def source():
    import inspect

    from lazily import user

    return [inspect.getsource(user.make), inspect.getmodule(user.make) is user, user.__spec__.name]


def code():
    """Code objects are as any others: they can be marshalled, replaced and traced."""
    import dis
    import marshal

    from lazily import forms

    original = forms.in_try.__code__
    copy = marshal.loads(marshal.dumps(original))
    lines = [line for _, _, line in original.co_lines() if line]
    forms.in_try.__code__ = copy.replace(co_name="renamed")
    seen = []
    sys.settrace(lambda frame, event, argument: seen.append(frame.f_code.co_name))
    result = forms.in_try()
    sys.settrace(None)
    return [
        copy == original,
        min(lines),
        max(lines),
        result,
        "renamed" in seen,
        bool(dis.Bytecode(original).dis()),
    ]


def main():
    print(json.dumps(globals()[sys.argv[1]]()))
