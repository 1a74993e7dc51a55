def open():
    return "not the builtin"
