def clash():
    return "function"
