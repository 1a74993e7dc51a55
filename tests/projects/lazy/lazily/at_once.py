"""Its own body needs what it imports."""

from lazily.named import Thing


class Derived(Thing):
    pass
