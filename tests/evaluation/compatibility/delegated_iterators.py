"""`yield from` over the other side's iterators, and exceptions of the tests with the attributes that builtins have."""
# ruff: noqa


def delegate(items):
    result = yield from items
    yield ("result", result)


class Exhausted(StopIteration):
    pass


class Countdown:
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return self

    def __next__(self):
        if not self.n:
            raise Exhausted("liftoff")
        self.n -= 1
        return self.n


def errors_of(function):
    try:
        function()
    except OSError as error:
        return error.errno, str(error), error.args
    except SystemExit as error:
        return error.code
    except UnicodeDecodeError as error:
        return error.start
    except ExceptionGroup as group:
        return str(group), [str(error) for error in group.exceptions]


# ---- hidden tests ----

import pytest
from solution import Countdown, delegate, errors_of


def test_iterator():
    assert list(delegate(iter([1, 2]))) == [1, 2, ("result", None)]


def test_generator():
    def source():
        yield 1
        return "done"

    assert list(delegate(source())) == [1, ("result", "done")]


def test_back():
    def source():
        result = yield from Countdown(2)
        yield result

    assert list(source()) == [1, 0, "liftoff"]


def test_class():
    with pytest.raises(StopIteration) as caught:
        next(Countdown(0))
    assert caught.value.value == "liftoff"


def raise_os_error():
    raise FileNotFoundError(2, "No such file")


def raise_exit():
    raise SystemExit(3)


def raise_unicode_error():
    b"a\xff".decode()


def raise_group():
    raise ExceptionGroup("both", [ValueError("a"), ValueError("b")])


def test_attributes():
    assert errors_of(raise_os_error) == (2, "[Errno 2] No such file", (2, "No such file"))
    assert errors_of(raise_exit) == 3 and errors_of(raise_unicode_error) == 1


def test_group():
    text, parts = errors_of(raise_group)
    assert text == "both (2 sub-exceptions)" and parts == ["a", "b"]
