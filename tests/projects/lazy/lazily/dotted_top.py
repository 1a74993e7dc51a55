from lazily import events

events.append("dotted_top")
