"""Named tuples are tuples: equality, unpacking, fields, methods, _replace."""
# ruff: noqa

from collections import namedtuple
from typing import NamedTuple

Pair = namedtuple("Pair", "left right")


class Span(NamedTuple):
    start: int
    stop: int = 10

    def size(self):
        return self.stop - self.start

    @property
    def middle(self):
        return (self.start + self.stop) / 2


def split(text):
    return Pair(*text.split(","))


def spans():
    return [Span(1, 2), Span(3)]


# ---- hidden tests ----

import pytest
from solution import Pair, Span, spans, split


def test_equal():
    assert split("a,b") == ("a", "b") and split("a,b") == Pair("a", "b") and Span(1) == (1, 10)


def test_fields():
    assert split("a,b").left == "a" and split("a,b")[1] == "b" and Span._fields == ("start", "stop")


def test_unpack():
    left, right = split("a,b")
    assert (left, right) == ("a", "b")


def test_methods():
    assert Span(2, 4).size() == 2 and Span(2, 4).middle == 3.0


def test_list():
    assert spans() == [(1, 2), (3, 10)] and sorted(spans(), reverse=True)[0].start == 3


def test_tuple():
    assert isinstance(Span(1), tuple) and isinstance(Span(1), Span) and len(Span(1)) == 2


def test_replace():
    assert Span(1)._replace(stop=5) == (1, 5) and Span(1)._asdict() == {"start": 1, "stop": 10}


def test_frozen():
    with pytest.raises(AttributeError):
        Span(1).start = 3


def test_repr():
    assert repr(Span(1)) == "Span(start=1, stop=10)"
