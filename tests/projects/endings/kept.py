"""Objects that exist before the program is run, when it starts from a snapshot. None has a finaliser."""


class Base:
    pass


class Derived(Base):
    pass


class Bare:
    __slots__ = ()


OBJECTS = [Derived(), Bare()]
