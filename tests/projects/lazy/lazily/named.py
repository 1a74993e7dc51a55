from lazily import events

events.append("named")


class Thing:
    def __init__(self, value=0):
        self.value = value

    def __eq__(self, other):
        return self.value == other.value


def decorate(function):
    return function


LIMIT = 3
