"""Decorators of the solution on methods of the tests' classes, and the texts of what they give."""
# ruff: noqa

import functools


def logged(calls):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*arguments, **named):
            calls.append((function.__name__, arguments[1:], named))
            return function(*arguments, **named)

        wrapper.calls = calls
        return wrapper

    return decorate


def swallow(error, default):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*arguments):
            try:
                return function(*arguments)
            except error:
                return default

        return wrapper

    return decorate


cached = functools.lru_cache(maxsize=None)


class Counted:
    """Counts calls."""

    def __init__(self, function):
        functools.update_wrapper(self, function)
        self.function, self.count = function, 0

    def __call__(self, *arguments):
        self.count += 1
        return self.function(*arguments)


# ---- hidden tests ----

import pytest
from solution import Counted, cached, logged, swallow

CALLS = []


class Account:
    built = 0

    def __init__(self, balance):
        self.balance = balance

    @logged(CALLS)
    def add(self, amount, note=""):
        """Pay in."""
        self.balance += amount
        return self

    @swallow(ZeroDivisionError, default="never")
    def months(self, rate):
        return self.balance / rate

    @cached
    def report(self):
        Account.built += 1
        return f"{self.balance} in total"

    @staticmethod
    @swallow(ValueError, default=0)
    def parse(text):
        return int(text)

    @property
    @swallow(AttributeError, default="none")
    def owner(self):
        return self.name


def test_method():
    account = Account(1)
    assert account.add(2, note="x") is account and account.balance == 3
    assert CALLS == [("add", (2,), {"note": "x"})] and Account.add.calls == CALLS
    assert Account.add(account, 4) is account and account.balance == 7


def test_static_and_property():
    assert Account(6).months(2) == 3 and Account(6).months(0) == "never"
    assert Account.parse("x") == Account(1).parse("z") == 0 and Account.parse("5") == 5
    assert Account(1).owner == "none"


def test_cached():
    account = Account(5)
    assert account.report() == account.report() == "5 in total" and Account.built == 1
    assert Account(6).report() == "6 in total"


def test_a_class_that_does_not_bind():
    class Plain:
        @Counted
        def go(self):
            return 1

    with pytest.raises(TypeError):
        Plain().go()


def test_texts():
    @Counted
    def hello(name):
        """Greet."""
        return f"hi {name}"

    assert hello("x") == "hi x" and hello.count == 1
    assert hello.__doc__ == "Greet." and hello.__name__ == "hello"
    assert Account.add.__doc__ == "Pay in." and Counted.__doc__ == "Counts calls."
