from lazily import events

events.append("sub.two")
value = "two"
