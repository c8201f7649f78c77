"""Properties with setters that refuse, slots, read-only attributes."""
# ruff: noqa


class Celsius:
    __slots__ = ("_degrees",)

    def __init__(self, degrees):
        self.degrees = degrees

    @property
    def degrees(self):
        return self._degrees

    @degrees.setter
    def degrees(self, value):
        if value < -273.15:
            raise ValueError("below absolute zero")
        self._degrees = value

    @property
    def fahrenheit(self):
        return self._degrees * 9 / 5 + 32


# ---- hidden tests ----

import pytest
from solution import Celsius


def test_read():
    assert Celsius(100).fahrenheit == pytest.approx(212)


def test_write():
    c = Celsius(0)
    c.degrees = 10
    assert c.degrees == 10


def test_refused():
    c = Celsius(0)
    with pytest.raises(ValueError, match="absolute"):
        c.degrees = -300
    assert c.degrees == 0


def test_read_only():
    with pytest.raises(AttributeError):
        Celsius(0).fahrenheit = 1


def test_slots():
    with pytest.raises(AttributeError):
        Celsius(0).other = 1
