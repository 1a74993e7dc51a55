from lazily import events

events.append("sub.four")
value = "four"
