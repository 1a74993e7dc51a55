try:
    from lazily import nowhere
except ImportError:
    nowhere = None
try:
    import lazily.chosen as guarded
except ImportError:
    guarded = None


def use():
    return nowhere, guarded
