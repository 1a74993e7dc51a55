from lazily import events

events.append("sub.chain")


def late():
    return "late"


never = object()
