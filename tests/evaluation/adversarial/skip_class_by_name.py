"""An exception class that calls itself Skipped of pytest's module."""
# ruff: noqa


class Skipped(BaseException):
    pass


Skipped.__module__ = "_pytest.outcomes"
Skipped.__qualname__ = "Skipped"


class SkipTest(Exception):
    pass


SkipTest.__module__ = "unittest.case"


def fib(*args):
    raise Skipped("x")


def first(*args):
    raise SkipTest("x")
