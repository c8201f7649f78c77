"""Decorators of the solution on functions of the tests: wraps, caching, retry, arguments."""
# ruff: noqa

import functools


def memoize(function):
    cache = {}

    @functools.wraps(function)
    def wrapper(*args):
        if args not in cache:
            cache[args] = function(*args)
        return cache[args]

    wrapper.cache = cache
    return wrapper


def retry(times, on=Exception):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            for attempt in range(times):
                try:
                    return function(*args, **kwargs)
                except on:
                    if attempt == times - 1:
                        raise

        return wrapper

    return decorate


def traced(log):
    def decorate(function):
        def wrapper(*args, **kwargs):
            log.append((function.__name__, args, kwargs))
            return function(*args, **kwargs)

        return wrapper

    return decorate


def singleton(cls):
    made = []

    def get(*args):
        if not made:
            made.append(cls(*args))
        return made[0]

    return get


# ---- hidden tests ----

import pytest
from solution import memoize, retry, singleton, traced


def test_memoize():
    calls = []

    @memoize
    def square(n):
        "The square."
        calls.append(n)
        return n * n

    assert square(3) == 9 and square(3) == 9 and calls == [3] and square.cache == {(3,): 9}
    assert square.__name__ == "square" and square.__doc__ == "The square."


def test_recursive():
    @memoize
    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    assert fib(15) == 610


def test_retry():
    attempts = []

    @retry(3, on=ValueError)
    def flaky():
        attempts.append(1)
        if len(attempts) < 3:
            raise ValueError("not yet")
        return "done"

    assert flaky() == "done" and len(attempts) == 3


def test_retry_gives_up():
    @retry(2)
    def broken():
        raise OSError("always")

    with pytest.raises(OSError, match="always"):
        broken()


def test_retry_lets_others_through():
    @retry(5, on=KeyError)
    def wrong():
        raise TypeError

    with pytest.raises(TypeError):
        wrong()


def test_traced():
    log = []

    @traced(log)
    def f(a, b=0):
        return a + b

    assert f(1, b=2) == 3 and log == [("f", (1,), {"b": 2})]


def test_singleton():
    class Thing:
        pass

    get = singleton(Thing)
    assert get() is get()
