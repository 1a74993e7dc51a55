from lazily.opener import open


def use():
    return open()
