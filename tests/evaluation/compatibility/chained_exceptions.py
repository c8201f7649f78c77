"""Exceptions raised from others, within handlers, in groups, with notes and attributes, and re-raised."""
# ruff: noqa

import contextlib


class AppError(Exception):
    code = 500

    def __init__(self, message, *, detail=None):
        super().__init__(message)
        self.detail = detail

    def __str__(self):
        return f"[{self.code}] {self.args[0]}"


class NotFound(AppError, LookupError):
    code = 404


class Invalid(AppError, ValueError):
    code = 422

    def __init__(self, errors):
        super().__init__(f"{len(errors)} errors", detail=errors)
        self.errors = errors


def load(config, key):
    try:
        return config[key]
    except KeyError as error:
        raise NotFound(f"no {key}", detail={"known": sorted(config)}) from error


def parse(text):
    try:
        return int(text)
    except ValueError:
        raise Invalid([text]) from None


def clean_up(fail):
    try:
        raise ValueError("first")
    except ValueError:
        fail()


def reraise(function):
    try:
        function()
    except Exception as error:
        error.add_note("while trying")
        raise


def check_all(functions):
    errors = []
    for function in functions:
        try:
            function()
        except Exception as error:
            errors.append(error)
    if errors:
        raise ExceptionGroup("checks", errors)


def wrap(function):
    try:
        return function()
    except Exception as error:
        raise RuntimeError("wrapped") from error


@contextlib.contextmanager
def translated():
    try:
        yield
    except ZeroDivisionError as error:
        raise Invalid(["division"]) from error


def last_error(functions):
    found = None
    for function in functions:
        try:
            function()
        except Exception as error:
            found = error
    return found


# ---- hidden tests ----

import pytest
from solution import (
    AppError,
    Invalid,
    NotFound,
    check_all,
    clean_up,
    last_error,
    load,
    parse,
    reraise,
    translated,
    wrap,
)


def test_cause():
    with pytest.raises(NotFound, match=r"\[404\] no port") as caught:
        load({"host": 1}, "port")
    error = caught.value
    assert isinstance(error.__cause__, KeyError) and error.__cause__.args == ("port",)
    assert error.detail == {"known": ["host"]} and error.code == 404 and error.args == ("no port",)
    assert isinstance(error, (AppError, LookupError)) and issubclass(NotFound, AppError)


def test_caught_by_its_bases():
    for kind in (NotFound, AppError, LookupError, Exception):
        with pytest.raises(kind):
            load({}, "x")
    with pytest.raises(ValueError) as caught:
        parse("x")
    assert type(caught.value) is Invalid and caught.value.errors == ["x"]


def test_suppressed():
    with pytest.raises(Invalid) as caught:
        parse("1.5")
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_context():
    def fail():
        raise TypeError("second")

    with pytest.raises(TypeError, match="second"):
        clean_up(fail)


def test_note_and_identity():
    own = KeyError("mine")

    def fail():
        raise own

    with pytest.raises(KeyError) as caught:
        reraise(fail)
    assert caught.value is own


def test_notes_of_the_solution():
    with pytest.raises(NotFound) as caught:
        reraise(lambda: load({}, "x"))
    assert caught.value.__notes__ == ["while trying"]


def test_group():
    def bad():
        raise OSError(2, "gone")

    with pytest.raises(ExceptionGroup) as caught:
        check_all([lambda: None, lambda: load({}, "a"), lambda: parse("b"), bad])
    group = caught.value
    assert group.message == "checks" and [type(error) for error in group.exceptions] == [
        NotFound,
        Invalid,
        FileNotFoundError,
    ]
    assert group.exceptions[2].errno == 2
    check_all([lambda: 1])


def test_wrapped():
    class Mine(Exception):
        pass

    def fail():
        raise Mine("inner", 5)

    with pytest.raises(RuntimeError, match="wrapped") as caught:
        wrap(fail)
    assert isinstance(caught.value.__cause__, Mine) and caught.value.__cause__.args == ("inner", 5)


def test_context_manager():
    with pytest.raises(Invalid) as caught:
        with translated():
            1 / 0
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(KeyError):
        with translated():
            {}["x"]
    with translated():
        pass


def test_returned():
    error = last_error([lambda: load({}, "a"), lambda: None, lambda: parse("q")])
    assert isinstance(error, Invalid) and str(error) == "[422] 1 errors"
    with pytest.raises(Invalid):
        raise error
    assert last_error([]) is None


def test_made_by_the_test():
    error = NotFound("x", detail=1)
    assert str(error) == "[404] x" and error.detail == 1 and repr(error) == "NotFound('x')"
    with pytest.raises(AppError) as caught:
        raise error
    assert caught.value is error
