"""Decorators that read annotations and keep what a function says of itself."""
# ruff: noqa

import functools
import inspect
import typing


def checked(function):
    signature = inspect.signature(function)
    hints = typing.get_type_hints(function)

    @functools.wraps(function)
    def wrapper(*arguments, **named):
        for name, value in signature.bind(*arguments, **named).arguments.items():
            expected = hints.get(name, object)
            kinds = typing.get_args(expected) or (expected,)
            if not isinstance(value, kinds):
                raise TypeError(f"{name} must be {' or '.join(kind.__name__ for kind in kinds)}")
        result = function(*arguments, **named)
        if "return" in hints and not isinstance(result, hints["return"]):
            raise TypeError(f"returned {type(result).__name__}")
        return result

    return wrapper


def logged(function):
    @functools.wraps(function)
    def wrapper(*arguments):
        return function(*arguments)

    return wrapper


def logged_async(function):
    @functools.wraps(function)
    async def wrapper(*arguments):
        return await function(*arguments)

    return wrapper


def area(width: float, height: float = 1.0) -> float:
    """An area."""
    return width * height


# ---- hidden tests ----

from typing import Optional

import pytest
from solution import area, checked, logged, logged_async


class Own:
    pass


@checked
def repeat(text: str, times: int = 2, mark: Optional[str] = None) -> str:
    """Repeat."""
    return text * times


@checked
def wrong(value: "int") -> int:
    return str(value)


@logged
def own(value: Own, other: "Own"):
    return value


def test_checked():
    assert repeat("a") == "aa" and repeat("a", times=3) == "aaa"
    with pytest.raises(TypeError, match="times must be int"):
        repeat("a", "b")
    with pytest.raises(TypeError, match="mark must be str or NoneType"):
        repeat("a", mark=5)
    with pytest.raises(TypeError, match="returned str"):
        wrong(5)


def test_a_class_of_the_tests():
    thing = Own()
    assert own(thing, thing) is thing


def plain(x: int) -> str:
    """Plain."""


async def later(x: int) -> str:
    """Later."""


@pytest.mark.parametrize(("decorate", "function"), [(logged, plain), (logged_async, later)])
def test_what_wraps_keeps(decorate, function):
    made = decorate(function)
    for name in ("__name__", "__qualname__", "__doc__", "__module__", "__annotations__"):
        assert getattr(made, name) == getattr(function, name), name


def test_a_function_of_the_solution():
    assert area.__module__ == "solution" and area.__annotations__ == {"width": float, "height": float, "return": float}
    assert area.__doc__ == "An area." and area.__defaults__ == (1.0,)
    assert type(area).__module__ == "builtins"
