"""The same float, text or tuple again: what is cached is not made anew, and what is made anew is not the same."""
# ruff: noqa

import functools
from functools import cached_property


class Circle:
    def __init__(self, radius):
        self.radius = radius

    @cached_property
    def area(self):
        return self.radius**2 * 3.14159

    @property
    def length(self):
        return self.radius * 2 * 3.14159

    @cached_property
    def corners(self):
        return (self.radius + 0.5, f"{self.radius} wide")

    def box(self):
        return (self.radius + 0.5, f"{self.radius} wide")


@functools.cache
def label(number):
    return f"label {number}"


def memoize(function):
    known = {}

    @functools.wraps(function)
    def wrapper(*arguments):
        if arguments not in known:
            known[arguments] = function(*arguments)
        return known[arguments]

    return wrapper


# ---- hidden tests ----

import pytest
from solution import Circle, label, memoize


def test_cached():
    circle = Circle(2)
    assert circle.area is circle.area and circle.corners is circle.corners
    assert label(3) is label(3)
    assert circle.area == 12.56636 and label(3) == "label 3"


def test_not_cached():
    circle = Circle(2)
    assert circle.length is not circle.length and circle.length == circle.length
    assert circle.box() is not circle.box() and circle.box() == circle.corners


@pytest.mark.parametrize("make", [lambda n: (n, n + 1), lambda n: n / 3, lambda n: f"text {n}"])
def test_what_a_callback_gave(make):
    given = []

    @memoize
    def function(n):
        given.append(make(n))
        return given[-1]

    assert function(1) is function(1) is given[0] and len(given) == 1
