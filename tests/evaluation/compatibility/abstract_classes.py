"""Abstract base classes, protocols and generics of the solution."""
# ruff: noqa

from abc import ABC, abstractmethod
from typing import Generic, Protocol, TypeVar, runtime_checkable

T = TypeVar("T")


class Shape(ABC):
    @abstractmethod
    def area(self): ...
    def describe(self):
        return f"{type(self).__name__} of {self.area():.1f}"


class Square(Shape):
    def __init__(self, side):
        self.side = side

    def area(self):
        return self.side**2


class Broken(Shape):
    pass


@runtime_checkable
class Sized(Protocol):
    def size(self): ...


class Box(Generic[T]):
    def __init__(self, item):
        self.item = item

    def size(self):
        return 1


class Registered:
    pass


Shape.register(Registered)


# ---- hidden tests ----

import pytest
from solution import Box, Broken, Registered, Shape, Sized, Square


def test_concrete():
    assert Square(2).area() == 4 and Square(2).describe() == "Square of 4.0"


def test_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Shape()
    with pytest.raises(TypeError):
        Broken()


def test_isinstance():
    assert isinstance(Square(1), Shape) and issubclass(Square, Shape) and isinstance(Registered(), Shape)


def test_protocol():
    assert isinstance(Box(1), Sized) and not isinstance(Square(1), Sized)


def test_generic():
    assert Box[int](3).item == 3
