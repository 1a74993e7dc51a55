from lazily import events

events.append("sub.three")
value = "three"
