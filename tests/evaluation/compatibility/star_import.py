"""from solution import *, __all__, and the module itself."""
# ruff: noqa

__all__ = ["first", "Thing"]
__version__ = "1.2"


def first(items):
    "The first."
    return items[0]


def hidden():
    return 1


class Thing:
    "A thing."

    def method(self):
        "Does it."
        return 1

    def __mul__(self, factor):
        return 7 * factor


# ---- hidden tests ----

from solution import *
import solution
import pytest


def test_names():
    assert first([1]) == 1 and Thing().method() == 1


def test_operand():
    assert Thing() * 3 == 21


def test_not_exported():
    with pytest.raises(NameError):
        hidden()
    assert solution.hidden() == 1


def test_module():
    assert solution.__version__ == "1.2" and hasattr(solution, "first") and not hasattr(solution, "second")


def test_dir():
    assert {"first", "hidden", "Thing"} <= set(dir(solution))


def test_missing():
    with pytest.raises(AttributeError):
        solution.second
    with pytest.raises(ImportError):
        from solution import second


def test_docs():
    assert (
        first.__doc__ == "The first."
        and Thing.__doc__ == "A thing."
        and first.__name__ == "first"
        and Thing.__name__ == "Thing"
    )
