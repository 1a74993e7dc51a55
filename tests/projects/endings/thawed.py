"""Changes what has come out of a snapshot, so that something is to be done at the end."""

import sys

import kept


def _tell(_self):
    print("finalised")


def derived():
    kept.Base.__del__ = _tell


def bare():
    kept.Bare.__del__ = _tell


def unfrozen():
    import gc

    gc.unfreeze()
    kept.Derived.__del__ = _tell


def frozen():
    import gc

    class Watched:
        __del__ = _tell

    kept.OBJECTS.append(Watched())
    gc.freeze()


def made():
    class Watched(kept.Base):
        __del__ = _tell

    kept.OBJECTS.append(Watched())


def nothing():
    kept.OBJECTS.append([kept.Derived()])


if __name__ == "__main__":
    globals()[sys.argv[1]]()
