"""isinstance and issubclass with abstract classes, enumerations and builtin kinds; parameters that are members."""
# ruff: noqa

from abc import ABC, abstractmethod
from collections import UserDict
from collections.abc import Mapping, MutableSequence
from enum import Enum, Flag, IntEnum
from types import MappingProxyType


class Shape(ABC):
    @abstractmethod
    def area(self): ...


class Square(Shape):
    def area(self):
        return 4


class Frozen(Mapping):
    def __init__(self, **items):
        self._items = items

    def __getitem__(self, key):
        return self._items[key]

    def __iter__(self):
        return iter(self._items)

    def __len__(self):
        return len(self._items)


HIDDEN = {"a": 1}
VIEW = MappingProxyType(HIDDEN)


def change(key, value):
    HIDDEN[key] = value


class Settings(UserDict):
    pass


class Color(Enum):
    RED = "red"
    BLUE = "blue"

    def __str__(self):
        return self.value


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Right(Flag):
    READ = 1
    WRITE = 2


class Circle:
    @property
    def area(self):
        return 3

    @staticmethod
    def unit():
        return Circle()


def numbers(n):
    yield from range(n)


async def ticks(n):
    for i in range(n):
        yield i


def doubled(values):
    return map(lambda value: value * 2, values)


# ---- hidden tests ----

import collections
import enum
import types
from abc import ABC
from collections.abc import AsyncIterator, Generator, Iterator, Mapping, MutableMapping, Sequence

import pytest
from solution import *
from solution import Shape, Color, Level, Right


def test_abstract():
    assert issubclass(Shape, ABC) and issubclass(Square, ABC) and isinstance(Square(), ABC)
    assert issubclass(Square, Shape) and not issubclass(Shape, Square)
    with pytest.raises(TypeError, match="abstract"):
        Shape()


def test_mapping():
    assert isinstance(Frozen(a=1), Mapping) and not isinstance(Frozen(a=1), (MutableMapping, Sequence, dict))
    assert isinstance(Settings(), MutableMapping) and isinstance(Settings(), collections.UserDict)
    assert not isinstance(Square(), Mapping)


def test_view():
    assert VIEW == {"a": 1} == dict(VIEW) and VIEW != {} and isinstance(VIEW, (Mapping, types.MappingProxyType))
    change("b", 2)
    assert VIEW["b"] == 2 and list(VIEW) == ["a", "b"] and not isinstance(VIEW, dict)
    with pytest.raises(TypeError):
        VIEW["a"] = 5


def test_enum():
    assert issubclass(Color, enum.Enum) and isinstance(Color.RED, enum.Enum)
    assert not issubclass(Color, enum.IntEnum) and not isinstance(Color.RED, enum.Flag)
    assert issubclass(Level, enum.IntEnum) and isinstance(Level.LOW, enum.IntEnum) and isinstance(Level.LOW, int)
    assert issubclass(Right, enum.Flag) and isinstance(Right.READ | Right.WRITE, enum.Flag)
    assert not issubclass(Square, enum.Enum) and not isinstance(Square(), enum.Enum)


@pytest.mark.parametrize("color", [Color.RED, Color.BLUE])
@pytest.mark.parametrize("level", list(Level))
def test_members_name_parameters(color, level):
    assert isinstance(color, Color) and isinstance(level, Level)


def test_generators():
    made = numbers(3)
    assert isinstance(made, types.GeneratorType) and isinstance(made, Generator) and isinstance(made, Iterator)
    assert type(made).__name__ == "generator" and list(made) == [0, 1, 2]
    assert isinstance(ticks(1), types.AsyncGeneratorType) and isinstance(ticks(1), AsyncIterator)
    assert isinstance(doubled([1]), map) and not isinstance(doubled([1]), (list, types.GeneratorType))


def test_descriptors():
    assert isinstance(Circle.area, property)
    assert isinstance(vars(Circle)["unit"], staticmethod)
    assert not isinstance(vars(Circle)["unit"], property)
