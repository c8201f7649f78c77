"""Functions of plain values, positional, keyword and default arguments."""
# ruff: noqa


def add(a, b=1, *rest, scale=1):
    return (a + b + sum(rest)) * scale


def describe(**options):
    return sorted(options.items())


LIMIT = 10


# ---- hidden tests ----

import solution
from solution import add, describe, LIMIT


def test_positional():
    assert add(1, 2) == 3


def test_default():
    assert add(1) == 2


def test_rest():
    assert add(1, 2, 3, 4) == 10


def test_keyword():
    assert add(b=2, a=1, scale=3) == 9


def test_options():
    assert describe(b=2, a=1) == [("a", 1), ("b", 2)]


def test_constant():
    assert LIMIT == 10 and solution.LIMIT is LIMIT
