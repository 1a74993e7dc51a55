"""Constants, names and code of every kind that the compiler makes. Most of it is never run."""
# ruff: noqa
# fmt: off

INTEGERS = (0, 1, -1, 256, 257, 2**15, -(2**30), 2**31 - 1, 2**31, -(2**31), 2**63, -(2**64), 10**100)
FLOATS = (0.0, -0.0, 1.5, 1e-320, 1e999, -1e999)
COMPLEX = (1j, -0j, 1.5e300j)
TEXTS = ("", "a", "\xe9", "\xff", "name", "no name", "na\xefve", "snowman \u2603", "\U0001f600", "\ud800", "\0")
BYTES = (b"", b"a", b"\0", b"text", b"\xff\xfe")
NESTED = ((), ((),), (1, (2.0, ("three", (b"four", (None, True, False, ...))))))


def sets(value):
    return value in {1, 2, 3} or value in {"a", "b", "a name"} or value in {("a", 1), None, 2.5, b"c"}


def slices(value):
    return value[1:2], value[::-1], value["a":"b c"], value[1:, ..., None], value[:]


def arguments(first, /, second=1, *rest, third, fourth="x", **others):
    return first, second, rest, third, fourth, others


def closures(outer):
    inner = outer

    def function(argument):
        nonlocal inner
        inner = argument
        return lambda: (inner, outer, argument, [item + argument for item in inner if item])

    return function


def generator(items):
    for item in items:
        received = yield item
        while received:
            received = yield from received


async def coroutine(items):
    async with items as opened:
        async for item in opened:
            yield await item
    await (item async for item in items)


def statements(value):
    try:
        with value as opened:
            match opened:
                case {"key": [first, *rest], **others} if first:
                    return rest, others
                case int(real=0) | str():
                    return None
    except (OSError, ValueError) as error:
        raise RuntimeError from error
    finally:
        del value
    while True:
        if value is None or not value:
            break
        value += 1
    assert value, f"{value!r:>{10}} {value}"


class Class(object, metaclass=type):
    """A class."""

    __slots__ = ("__private", "name")
    annotated: "int" = 1

    @property
    def method(self) -> "Class":
        return super().method, __class__, self.__private

    class Inner:
        def method(self):
            import os.path as path
            from sys import argv as arguments, path as others
            global INTEGERS
            INTEGERS = path, arguments, others


äöü_ж = lambda über=1, *ж: über
