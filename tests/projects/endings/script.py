import sys

print("script", sys.argv[1:], __name__, __file__.startswith(sys.prefix))
