from lazily import events
from lazily.broken import value


def use():
    return value


def unrelated():
    return len(events)
