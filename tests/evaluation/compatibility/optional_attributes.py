"""A solution asks callbacks and classes of the tests for attributes that they need not have."""
# ruff: noqa


def build(factory):
    if getattr(factory, "wants_name", False):
        return factory("x")
    return factory()


def described(callback):
    try:
        return callback.description
    except AttributeError as error:
        return str(error)


# ---- hidden tests ----

import pytest
from solution import build, described


class Logger:
    def __init__(self):
        self.lines = []


def make():
    return "made"


@pytest.mark.parametrize("factory", [make, lambda: "made"])
def test_function(factory):
    assert build(factory) == "made"
    assert described(factory) == "'function' object has no attribute 'description'"


def test_class():
    logger = build(Logger)
    assert isinstance(logger, Logger) and logger.lines == []


def test_bound_method():
    assert build("abc".upper) == "ABC"
    assert build([].copy) == []
