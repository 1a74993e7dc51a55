from lazily import events

events.append("registered")
