"""Parametrize: stacked, with ids, pytest.param, one name, many names, in classes."""
# ruff: noqa


def fizz(n):
    return "FizzBuzz" if n % 15 == 0 else "Fizz" if n % 3 == 0 else "Buzz" if n % 5 == 0 else str(n)


def power(base, exponent):
    return base**exponent


# ---- hidden tests ----

import pytest
from solution import fizz, power


@pytest.mark.parametrize("n", [1, 2, 4])
def test_number(n):
    assert fizz(n) == str(n)


@pytest.mark.parametrize(("n", "word"), [(3, "Fizz"), pytest.param(5, "Buzz", id="five"), (15, "FizzBuzz")])
def test_word(n, word):
    assert fizz(n) == word


@pytest.mark.parametrize("base", [2, 3])
@pytest.mark.parametrize("exponent", [0, 1], ids=["zero", "one"])
def test_power(base, exponent):
    assert power(base, exponent) == (base if exponent else 1)


class TestInside:
    @pytest.mark.parametrize("n", (30, 45), ids=str)
    def test_n(self, n):
        assert fizz(n) == "FizzBuzz"


@pytest.mark.parametrize(
    "value, kind",
    [(None, "a"), (1.5, "b"), ([1], "c"), ({}, "d"), (b"x", "e"), (True, "f"), ("same", "g"), ("same", "h")],
)
def test_names(value, kind):
    assert kind


@pytest.mark.parametrize("same", ["x", "x", "x1"])
def test_same_ids(same):
    assert same
