"""Operators between objects of the solution: matrices, intervals, units, in place and reflected."""
# ruff: noqa

import math
from functools import reduce


class Matrix:
    def __init__(self, rows):
        self.rows = [list(row) for row in rows]

    @classmethod
    def identity(cls, size):
        return cls([[int(i == j) for j in range(size)] for i in range(size)])

    @property
    def shape(self):
        return len(self.rows), len(self.rows[0])

    def __matmul__(self, other):
        if self.shape[1] != other.shape[0]:
            raise ValueError(f"shapes {self.shape} and {other.shape}")
        columns = list(zip(*other.rows))
        return Matrix([[sum(a * b for a, b in zip(row, column)) for column in columns] for row in self.rows])

    def __pow__(self, power):
        return reduce(Matrix.__matmul__, [self] * power, Matrix.identity(len(self.rows)))

    def __add__(self, other):
        return Matrix([[a + b for a, b in zip(*pair)] for pair in zip(self.rows, other.rows)])

    def __iadd__(self, other):
        for row, more in zip(self.rows, other.rows):
            row[:] = [a + b for a, b in zip(row, more)]
        return self

    def __mul__(self, factor):
        return (
            Matrix([[factor * cell for cell in row] for row in self.rows])
            if isinstance(factor, (int, float))
            else NotImplemented
        )

    __rmul__ = __mul__

    def __neg__(self):
        return self * -1

    def __eq__(self, other):
        return isinstance(other, Matrix) and self.rows == other.rows

    def __getitem__(self, place):
        row, column = place
        return self.rows[row][column]

    def __setitem__(self, place, value):
        self.rows[place[0]][place[1]] = value

    def __iter__(self):
        return iter(self.rows)

    def __round__(self, digits=0):
        return Matrix([[round(cell, digits) for cell in row] for row in self.rows])


class Length:
    UNITS = {"m": 1.0, "km": 1000.0, "cm": 0.01}

    def __init__(self, amount, unit="m"):
        self.metres = amount * self.UNITS[unit]

    def __add__(self, other):
        return Length(self.metres + other.metres)

    def __radd__(self, other):
        return self if other == 0 else NotImplemented

    def __truediv__(self, other):
        return self.metres / other.metres if isinstance(other, Length) else Length(self.metres / other)

    def __floordiv__(self, other):
        return int(self.metres // other.metres)

    def __divmod__(self, other):
        return self // other, Length(self.metres % other.metres)

    def __lt__(self, other):
        return self.metres < other.metres

    def __float__(self):
        return self.metres

    def __int__(self):
        return int(self.metres)

    def __abs__(self):
        return Length(abs(self.metres))

    def __bool__(self):
        return self.metres != 0

    def __ceil__(self):
        return math.ceil(self.metres)


class Interval:
    def __init__(self, low, high):
        self.low, self.high = low, high

    def __and__(self, other):
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Interval(low, high) if low < high else None

    def __or__(self, other):
        return Interval(min(self.low, other.low), max(self.high, other.high))

    def __rshift__(self, by):
        return Interval(self.low + by, self.high + by)

    def __invert__(self):
        return Interval(-self.high, -self.low)

    def __contains__(self, item):
        return self.low <= item < self.high

    def __iter__(self):
        return iter((self.low, self.high))

    def __index__(self):
        return self.high - self.low

    def __lshift__(self, by):
        return self >> -by


# ---- hidden tests ----

import math

import pytest
from solution import Interval, Length, Matrix


def test_product():
    a, b = Matrix([[1, 2], [3, 4]]), Matrix([[0, 1], [1, 0]])
    assert (a @ b).rows == [[2, 1], [4, 3]] and a @ Matrix.identity(2) == a and (a**3).rows == [[37, 54], [81, 118]]
    with pytest.raises(ValueError, match=r"shapes \(2, 2\) and \(1, 2\)"):
        a @ Matrix([[1, 2]])


def test_sums():
    a = Matrix([[1, 2]])
    kept = a
    a += Matrix([[10, 20]])
    assert a is kept and kept.rows == [[11, 22]] and (a + a).rows == [[22, 44]]


def test_scaled():
    a = Matrix([[1, -2]])
    assert (3 * a).rows == [[3, -6]] == (a * 3).rows and (-a).rows == [[-1, 2]]
    with pytest.raises(TypeError):
        a * "x"
    with pytest.raises(AttributeError):
        a + None


def test_cells():
    a = Matrix([[1.234, 2], [3, 4]])
    a[1, 0] = 9
    assert a[1, 0] == 9 and [row[0] for row in a] == [1.234, 9] and round(a, 1)[0, 0] == 1.2
    with pytest.raises(IndexError):
        a[5, 0]


def test_lengths():
    way = Length(1, "km") + Length(500) + Length(25, "cm")
    assert float(way) == pytest.approx(1500.25) and int(way) == 1500 and math.ceil(way) == 1501
    assert Length(1, "km") / Length(250) == 4.0 and (Length(9) / 3).metres == 3.0
    assert float(sum([Length(1), Length(2)])) == 3.0 and max(Length(1), Length(3), Length(2)).metres == 3
    count, rest = divmod(Length(10), Length(3))
    assert (count, rest.metres) == (3, 1.0) and not Length(0) and float(abs(Length(-2))) == 2.0
    with pytest.raises(KeyError):
        Length(1, "mile")
    with pytest.raises(TypeError):
        5 + Length(1)


def test_intervals():
    a, b = Interval(0, 5), Interval(3, 9)
    assert tuple(a & b) == (3, 5) and tuple(a | b) == (0, 9) and a & Interval(7, 8) is None
    low, high = a >> 2
    assert (low, high) == (2, 7) and tuple(~a) == (-5, 0) and tuple(a << 1) == (-1, 4)
    assert 0 in a and 5 not in a and list(range(10))[Interval(0, 3)] == 3 and "ab" * Interval(0, 2) == "abab"
