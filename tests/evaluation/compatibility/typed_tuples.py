"""typing.NamedTuple with defaults and methods, TypedDict and tuples within tuples."""
# ruff: noqa

from typing import NamedTuple, Optional, TypedDict


class Edge(NamedTuple):
    source: str
    target: str
    weight: float = 1.0

    @property
    def key(self):
        return f"{self.source}->{self.target}"

    def reversed(self):
        return self._replace(source=self.target, target=self.source)

    @classmethod
    def parse(cls, text):
        source, target, *weight = text.split()
        return cls(source, target, *map(float, weight))


class Path(NamedTuple):
    edges: tuple = ()
    note: Optional[str] = None

    def __add__(self, edge):
        return Path(self.edges + (edge,), self.note)

    @property
    def length(self):
        return sum(edge.weight for edge in self.edges)


class Options(TypedDict, total=False):
    depth: int
    name: str


def configure(**options: object) -> Options:
    return Options(depth=1, **options)


def shortest(edges):
    return min(edges, key=lambda edge: (edge.weight, edge.source))


# ---- hidden tests ----

import pytest
from solution import Edge, Options, Path, configure, shortest


def test_fields():
    edge = Edge("a", "b")
    assert edge == ("a", "b", 1.0) and edge.weight == 1.0 and edge[0] == "a" and len(edge) == 3
    assert edge.key == "a->b" and Edge._fields == ("source", "target", "weight")
    assert Edge._field_defaults == {"weight": 1.0}


def test_unpacked():
    source, target, weight = Edge("a", "b", 2.5)
    assert (source, target, weight) == ("a", "b", 2.5)
    assert [*Edge("a", "b")][-1] == 1.0 and "b" in Edge("a", "b") and Edge("a", "b")[1:] == ("b", 1.0)


def test_methods():
    edge = Edge.parse("x y 3")
    assert edge == Edge("x", "y", 3.0) and edge.reversed() == Edge("y", "x", 3.0)
    assert edge._asdict() == {"source": "x", "target": "y", "weight": 3.0}
    assert edge._replace(weight=0.0).weight == 0.0 and Edge._make(["p", "q", 1]) == ("p", "q", 1)
    assert repr(edge) == "Edge(source='x', target='y', weight=3.0)"


def test_unchangeable():
    with pytest.raises(AttributeError):
        Edge("a", "b").weight = 2
    with pytest.raises(TypeError):
        Edge("a")
    with pytest.raises(TypeError):
        Edge("a", "b", 1, 2)


def test_order_and_hash():
    edges = [Edge("b", "c"), Edge("a", "z"), Edge("a", "b", 3)]
    assert sorted(edges) == [("a", "b", 3), ("a", "z", 1.0), ("b", "c", 1.0)]
    assert len({*edges, Edge("a", "z")}) == 3 and {Edge("a", "b"): 1}[("a", "b", 1.0)] == 1
    assert shortest(edges) == Edge("a", "z")


def test_nested():
    path = Path() + Edge("a", "b", 2) + Edge("b", "c", 3)
    assert path.length == 5 and path.edges[1].target == "c" and path.note is None
    assert path == ((("a", "b", 2), ("b", "c", 3)), None)
    assert isinstance(path, tuple) and isinstance(path.edges[0], Edge)


def test_matched():
    match Edge("a", "b", 4):
        case Edge(source="a", target=target, weight=weight):
            assert (target, weight) == ("b", 4)
        case _:
            raise AssertionError


def test_typed_dict():
    assert configure(name="n") == {"depth": 1, "name": "n"} and type(configure()) is dict
    assert Options(depth=2) == {"depth": 2}
