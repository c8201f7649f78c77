"""Classes with __slots__: no other attributes, no __dict__, ordering and hashing of their own."""
# ruff: noqa

from dataclasses import dataclass
from functools import total_ordering


class Point:
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __eq__(self, other):
        return isinstance(other, Point) and (self.x, self.y) == (other.x, other.y)

    def __hash__(self):
        return hash((self.x, self.y))

    def __repr__(self):
        return f"Point({self.x}, {self.y})"


class Point3(Point):
    __slots__ = ("z",)

    def __init__(self, x, y, z):
        super().__init__(x, y)
        self.z = z


@total_ordering
class Version:
    __slots__ = ("_parts",)

    def __init__(self, text):
        self._parts = tuple(map(int, text.split(".")))

    @property
    def major(self):
        return self._parts[0]

    def __eq__(self, other):
        return self._parts == other._parts if isinstance(other, Version) else NotImplemented

    def __lt__(self, other):
        return self._parts < other._parts if isinstance(other, Version) else NotImplemented

    def __hash__(self):
        return hash(self._parts)

    def __str__(self):
        return ".".join(map(str, self._parts))


@dataclass(slots=True, frozen=True)
class Span:
    start: int
    stop: int

    def __contains__(self, item):
        return self.start <= item < self.stop


# ---- hidden tests ----

import dataclasses

import pytest
from solution import Point, Point3, Span, Version


def test_attributes():
    point = Point(1, 2)
    point.x += 5
    assert (point.x, point.y) == (6, 2)
    with pytest.raises(AttributeError):
        point.z = 3
    with pytest.raises(AttributeError):
        point.w
    assert not hasattr(point, "__dict__") and Point.__slots__ == ("x", "y")


def test_deleted():
    point = Point(1, 2)
    del point.x
    with pytest.raises(AttributeError):
        point.x


def test_subclass():
    point = Point3(1, 2, 3)
    assert isinstance(point, Point) and point.z == 3 and Point3.__slots__ == ("z",)


def test_equality_and_hash():
    assert Point(1, 2) == Point(1, 2) != Point(2, 1)
    assert len({Point(1, 2), Point(1, 2), Point(0, 0)}) == 2
    assert {Point(1, 2): "a"}[Point(1, 2)] == "a"
    assert Point(1, 2) != (1, 2)
    assert repr([Point(1, 2)]) == "[Point(1, 2)]"


def test_order():
    versions = [Version("1.10"), Version("1.2"), Version("0.9.9")]
    assert [str(version) for version in sorted(versions)] == ["0.9.9", "1.2", "1.10"]
    assert max(versions).major == 1 and Version("1.2") <= Version("1.2") > Version("1.1.9")
    with pytest.raises(TypeError):
        Version("1") < "2"
    with pytest.raises(AttributeError):
        Version("1").major = 2


def test_frozen_dataclass():
    span = Span(2, 5)
    assert 2 in span and 5 not in span and dataclasses.asdict(span) == {"start": 2, "stop": 5}
    with pytest.raises(dataclasses.FrozenInstanceError):
        span.start = 1
    assert dataclasses.replace(span, stop=9) == Span(2, 9)
    assert [field.name for field in dataclasses.fields(Span)] == ["start", "stop"]
