from lazily import events

events.append("unchosen")
