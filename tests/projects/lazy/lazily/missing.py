import lazily.nowhere


def use():
    return lazily.nowhere
