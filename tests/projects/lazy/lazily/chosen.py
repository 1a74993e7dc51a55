from lazily import events

events.append("chosen")
