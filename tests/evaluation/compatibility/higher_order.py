"""Closures, curried functions and bound methods of the solution as values."""
# ruff: noqa


def adder(n):
    return lambda x: x + n


def counter():
    count = 0

    def step(by=1):
        nonlocal count
        count += by
        return count

    return step


class Calculator:
    def __init__(self):
        self.total = 0

    def add(self, n):
        self.total += n
        return self


def table():
    return {"double": lambda x: x * 2, "square": lambda x: x * x}


def curry(f):
    return lambda a: lambda b: f(a, b)


# ---- hidden tests ----

from solution import Calculator, adder, counter, curry, table


def test_closure():
    assert adder(2)(3) == 5 and list(map(adder(1), [1, 2])) == [2, 3]


def test_state():
    step = counter()
    assert (step(), step(5), counter()()) == (1, 6, 1)


def test_bound():
    calculator = Calculator()
    add = calculator.add
    add(1)
    add(2)
    assert calculator.total == 3 and callable(add)


def test_chain():
    assert Calculator().add(1).add(2).total == 3


def test_table():
    assert {name: f(3) for name, f in table().items()} == {"double": 6, "square": 9}


def test_curry():
    assert curry(lambda a, b: a - b)(5)(3) == 2


def test_filter():
    assert list(filter(lambda x: adder(1)(x) > 2, [1, 2, 3])) == [2, 3]
