"""Objects of the tests of which some can be called, iterated or measured, and some cannot."""
# ruff: noqa


def resolve(value):
    return value() if callable(value) else value


def shape(value):
    return hasattr(value, "__iter__"), hasattr(value, "__len__"), hasattr(value, "__getitem__")


def truth(value):
    return bool(value)


# ---- hidden tests ----

import enum

from solution import resolve, shape, truth


class User:
    def __init__(self, name):
        self.name = name

    def shout(self):
        return self.name.upper()


class Factory:
    def __call__(self):
        return "made"


class Level(enum.Enum):
    LOW = 0
    HIGH = 1


def test_an_object_is_not_called():
    user = User("ann")
    assert resolve(user) is user


def test_what_can_be_called_is():
    assert resolve(Factory()) == "made"
    assert resolve(User("ann").shout) == "ANN"
    assert isinstance(resolve(Factory), Factory)
    assert resolve(lambda: 5) == 5


def test_a_member_is_no_collection():
    assert shape(Level.LOW) == (False, False, False)
    assert resolve(Level.HIGH) is Level.HIGH
    assert truth(Level.LOW) is True


def test_an_object_is_no_collection():
    assert shape(User("ann")) == (False, False, False)
    assert shape([]) == (True, True, True)
