import sys

if __name__ == "__main__":
    print("worker", sys.argv[1:], __spec__.name)
