from lazily.named import LIMIT, Thing

if not LIMIT:
    Thing = None


def reset():
    global LIMIT
    LIMIT = 0


def use():
    return Thing, LIMIT
