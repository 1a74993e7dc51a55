from lazily.named import no_such_name


def use():
    return no_such_name
