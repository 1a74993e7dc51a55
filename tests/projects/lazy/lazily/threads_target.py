from lazily import events

events.append("threads_target")
import time

time.sleep(0.2)
value = object()
