from lazily import events

events.append("conditional")


class Other:
    pass
