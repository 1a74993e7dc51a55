from lazily import events

events.append("sub.one")
value = "one"
