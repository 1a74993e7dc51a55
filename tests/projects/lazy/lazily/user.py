"""Uses what it imports in functions only."""

import lazily.plain
import lazily.replaced as replaced
import lazily.sub.one
import lazily.sub.two
from lazily import chosen as the_chosen
from lazily import stray  # for its effect
from lazily import unchosen as the_unchosen
from lazily.named import LIMIT, Thing, decorate
from lazily.named import Thing as AtOnce
from lazily.threads_target import value as of_threads

from . import registered
from .conditional import events as of_conditional


def dotted():
    return lazily.sub.one.value + lazily.sub.two.value


def replacement():
    return replaced.value


def uses_chosen():
    return the_chosen.__name__, the_unchosen.__name__


def make(value):
    return Thing(value)


def thread():
    return of_threads


def limit():
    return LIMIT


def undefined():
    return not_there_at_all
