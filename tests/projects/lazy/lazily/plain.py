from lazily import events

events.append("plain")


def function():
    return "plain"
