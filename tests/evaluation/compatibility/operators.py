"""Operators: arithmetic, comparison, indexing, containment, truth, calls, formatting."""
# ruff: noqa

import functools


@functools.total_ordering
class Vector:
    def __init__(self, *parts):
        self.parts = list(parts)

    def __add__(self, other):
        return Vector(*(a + b for a, b in zip(self.parts, other.parts)))

    def __mul__(self, k):
        return Vector(*(a * k for a in self.parts))

    __rmul__ = __mul__

    def __neg__(self):
        return Vector(*(-a for a in self.parts))

    def __abs__(self):
        return sum(a * a for a in self.parts) ** 0.5

    def __eq__(self, other):
        return isinstance(other, Vector) and self.parts == other.parts

    def __lt__(self, other):
        return abs(self) < abs(other)

    def __hash__(self):
        return hash(tuple(self.parts))

    def __len__(self):
        return len(self.parts)

    def __getitem__(self, i):
        return self.parts[i]

    def __setitem__(self, i, v):
        self.parts[i] = v

    def __delitem__(self, i):
        del self.parts[i]

    def __contains__(self, v):
        return v in self.parts

    def __iter__(self):
        return iter(self.parts)

    def __reversed__(self):
        return reversed(self.parts)

    def __bool__(self):
        return any(self.parts)

    def __call__(self, x):
        return sum(c * x**i for i, c in enumerate(self.parts))

    def __repr__(self):
        return f"Vector({', '.join(map(repr, self.parts))})"

    def __format__(self, spec):
        return "<" + ", ".join(format(p, spec) for p in self.parts) + ">"

    def __iadd__(self, other):
        self.parts = [a + b for a, b in zip(self.parts, other.parts)]
        return self

    def __matmul__(self, other):
        return sum(a * b for a, b in zip(self.parts, other.parts))

    def __int__(self):
        return int(abs(self))

    def __float__(self):
        return float(abs(self))

    def __round__(self, n=0):
        return Vector(*(round(p, n) for p in self.parts))


# ---- hidden tests ----

import pytest
from solution import Vector


def test_add():
    assert Vector(1, 2) + Vector(3, 4) == Vector(4, 6)


def test_mul():
    assert Vector(1, 2) * 3 == Vector(3, 6) == 3 * Vector(1, 2)


def test_neg():
    assert -Vector(1, -2) == Vector(-1, 2) and abs(Vector(3, 4)) == 5


def test_matmul():
    assert Vector(1, 2) @ Vector(3, 4) == 11


def test_iadd():
    v = w = Vector(1, 2)
    v += Vector(1, 1)
    assert v is w and w == Vector(2, 3)


def test_compare():
    assert (
        Vector(1) < Vector(2) <= Vector(2) and Vector(3) > Vector(2) and Vector(1) != Vector(2) and not Vector(1) == "x"
    )


def test_index():
    v = Vector(1, 2, 3)
    v[0] = 9
    del v[1]
    assert v[0] == 9 and v[-1] == 3 and v[0:2] == [9, 3]
    with pytest.raises(IndexError):
        v[7]


def test_contain():
    assert 2 in Vector(1, 2) and 5 not in Vector(1, 2)


def test_iterate():
    assert (
        list(Vector(1, 2)) == [1, 2]
        and list(reversed(Vector(1, 2))) == [2, 1]
        and len(Vector(1, 2)) == 2
        and sum(Vector(1, 2)) == 3
    )


def test_truth():
    assert Vector(1) and not Vector(0)


def test_call():
    assert Vector(1, 2)(10) == 21


def test_text():
    assert repr(Vector(1, 2)) == "Vector(1, 2)" == str(Vector(1, 2)) and f"{Vector(1.5):.2f}" == "<1.50>"


def test_hash():
    assert len({Vector(1), Vector(1), Vector(2)}) == 2


def test_convert():
    assert int(Vector(3, 4)) == 5 and float(Vector(3, 4)) == 5.0 and round(Vector(1.26), 1) == Vector(1.3)
