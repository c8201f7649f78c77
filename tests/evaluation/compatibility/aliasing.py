"""A test finds out whether what it gave or got is a copy."""
# ruff: noqa


class Careful:
    def __init__(self, items):
        self._items = list(items)

    def items(self):
        return list(self._items)


class Careless:
    def __init__(self, items):
        self._items = items

    def items(self):
        return self._items


def cycle():
    loop = [1]
    loop.append(loop)
    return loop


# ---- hidden tests ----

from solution import Careful, Careless, cycle


def test_input_is_copied():
    given = [1]
    box = Careful(given)
    given.append(2)
    assert box.items() == [1]


def test_output_is_copied():
    box = Careful([1])
    box.items().append(2)
    assert box.items() == [1]


def test_careless_input():
    given = [1]
    box = Careless(given)
    given.append(2)
    assert box.items() == [1, 2]


def test_careless_output():
    box = Careless([1])
    box.items().append(2)
    assert box.items() == [1, 2]


def test_two_of_one():
    box = Careless([1])
    a, b = box.items(), box.items()
    a.append(2)
    assert b == [1, 2] and a is b


def test_cycle():
    loop = cycle()
    assert loop[1] is loop and loop[0] == 1
