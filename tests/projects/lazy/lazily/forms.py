"""Loads a name that waits from every kind of place."""

from lazily.named import LIMIT, Thing, decorate


def in_try():
    try:
        return [1, Thing(2).value, 3]
    finally:
        pass


def in_except():
    try:
        raise KeyError(1)
    except KeyError as error:
        return Thing(error.args[0]).value


def in_with(manager):
    with manager as entered:
        return Thing(entered).value


def in_loop():
    total = 0
    for number in range(4):
        for other in (1, 2):
            total += number * other + LIMIT
    return total


def in_comprehension():
    return [Thing(number).value for number in range(LIMIT) if number < LIMIT]


def in_generator():
    yield 1
    received = yield Thing(2).value
    yield received, LIMIT


async def in_coroutine():
    return Thing(7).value


async def in_async_generator():
    yield Thing(8).value


def in_lambda():
    return (lambda number=5: Thing(number).value)()


def in_class():
    class Local(Thing):
        limit = LIMIT

    return Local(4).value, Local.limit


def in_default():
    def inner(number=LIMIT):
        return number

    return inner()


def in_decorator():
    @decorate
    def inner():
        return "decorated"

    return inner()


def in_match(subject):
    match subject:
        case Thing(value=value):
            return value
    return None


def in_call(*positional, **named):
    return [*positional, dict(named, last=Thing(LIMIT).value)]


def in_arithmetic():
    return (1 + 2) * LIMIT**2 - (LIMIT if LIMIT > 2 else 0)
