"""Functions, lambdas, methods, partials and classes of the tests are called by the solution."""
# ruff: noqa


def apply(function, *args, **kwargs):
    return function(*args, **kwargs)


def pipeline(value, *steps):
    for step in steps:
        value = step(value)
    return value


def guarded(function):
    try:
        return ("ok", function())
    except KeyError as error:
        return ("missing", error.args[0])
    except Exception as error:
        return ("error", str(error))


def compose(f, g):
    return lambda x: f(g(x))


def order(items, key=None):
    return sorted(items, key=key)


def build(cls, *args):
    return cls(*args)


# ---- hidden tests ----

import functools, operator
import pytest
from solution import apply, build, compose, guarded, order, pipeline


class Boom(Exception):
    pass


class Adder:
    def __init__(self, n):
        self.n = n

    def __call__(self, x):
        return x + self.n

    def method(self, x):
        return x * self.n


def fail(error):
    raise error


def test_lambda():
    assert apply(lambda a, b=2: a * b, 5) == 10 and apply(lambda a, b=2: a * b, 5, b=3) == 15


def test_pipeline():
    assert pipeline(3, Adder(1), Adder(2).method, str, lambda s: s + "!") == "8!"


def test_builtins():
    assert apply(len, [1, 2]) == 2 and apply(max, 1, 2) == 2 and apply(str.upper, "a") == "A"


def test_operator():
    assert apply(operator.add, 1, 2) == 3 and apply(functools.partial(pow, 2), 3) == 8


def test_error_comes_through():
    boom = Boom("lost")
    with pytest.raises(Boom) as caught:
        apply(fail, boom)
    assert caught.value is boom


def test_error_is_caught():
    assert guarded(lambda: {}["k"]) == ("missing", "k")
    assert guarded(lambda: fail(Boom("x"))) == ("error", "x")


def test_compose():
    assert compose(lambda x: x + 1, lambda x: x * 2)(5) == 11


def test_key():
    assert order([3, -2, 1], key=abs) == [1, -2, 3] and order(["b", "A"], key=str.lower) == ["A", "b"]


def test_class():
    assert build(Adder, 4).n == 4


def test_recursion():
    def countdown(n):
        return "done" if n == 0 else apply(countdown, n - 1)

    assert countdown(10) == "done"
