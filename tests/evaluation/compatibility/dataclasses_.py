"""Dataclasses: equality, order, frozen, repr, asdict, replace, defaults, hashing."""
# ruff: noqa

from dataclasses import dataclass, field


@dataclass(order=True)
class Version:
    major: int
    minor: int = 0
    tags: list = field(default_factory=list, compare=False)

    def bump(self):
        return Version(self.major, self.minor + 1)


@dataclass(frozen=True)
class Point:
    x: int
    y: int

    def __add__(self, other):
        return Point(self.x + other.x, self.y + other.y)


def origin():
    return Point(0, 0)


def path(*points):
    return list(points)


# ---- hidden tests ----

import dataclasses
import pytest
from solution import Point, Version, origin, path


def test_equality():
    assert Version(1, 2) == Version(1, 2) and Version(1, 2) != Version(1, 3) and origin() == Point(0, 0)


def test_order():
    assert (
        Version(1, 2) < Version(2)
        and sorted([Version(2), Version(1)])[0].major == 1
        and max(Version(1), Version(3)).major == 3
    )


def test_repr():
    assert repr(Point(1, 2)) == "Point(x=1, y=2)"


def test_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Point(1, 2).x = 3


def test_asdict():
    assert dataclasses.asdict(Point(1, 2)) == {"x": 1, "y": 2} and dataclasses.astuple(Point(1, 2)) == (1, 2)


def test_replace():
    assert dataclasses.replace(Version(1, 2), minor=5).minor == 5


def test_fields():
    assert [f.name for f in dataclasses.fields(Point)] == ["x", "y"] and dataclasses.is_dataclass(Point)


def test_hash():
    assert len({Point(1, 2), Point(1, 2), Point(2, 1)}) == 2 and {Point(0, 0): "o"}[origin()] == "o"


def test_unhashable():
    with pytest.raises(TypeError):
        hash(Version(1))


def test_operator():
    assert Point(1, 2) + Point(3, 4) == Point(4, 6)


def test_list():
    assert path(Point(1, 1), origin()) == [Point(1, 1), Point(0, 0)]


def test_default():
    assert Version(1).tags == [] and Version(1).bump() == Version(1, 1)
    v = Version(1)
    v.tags.append("rc")
    assert v.tags == ["rc"] and Version(1).tags == []
