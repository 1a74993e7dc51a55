from lazily.circle_b import second


def first():
    return second()


def last():
    return "last"
