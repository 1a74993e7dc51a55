from lazily import events

events.append("stray")
