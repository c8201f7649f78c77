"""Enums: identity, lookup, iteration, values, IntEnum, str enum, flags."""
# ruff: noqa

from enum import Enum, Flag, IntEnum, auto


class Color(Enum):
    RED = 1
    GREEN = 2
    CRIMSON = 1

    @property
    def nice(self):
        return self.name.title()


class Level(IntEnum):
    LOW = 1
    HIGH = 3


class Suit(str, Enum):
    HEARTS = "h"


class Perm(Flag):
    R = auto()
    W = auto()


def next_color(color):
    return Color.GREEN if color is Color.RED else Color.RED


def name_of(level):
    return level.name


# ---- hidden tests ----

import pytest
from solution import Color, Level, Perm, Suit, name_of, next_color


def test_identity():
    assert next_color(Color.RED) is Color.GREEN and Color.RED is Color.CRIMSON


def test_equality():
    assert Color.RED == Color.RED and Color.RED != Color.GREEN and Color.RED != 1


def test_lookup():
    assert Color(2) is Color.GREEN and Color["RED"] is Color.RED
    with pytest.raises(ValueError):
        Color(9)
    with pytest.raises(KeyError):
        Color["BLUE"]


def test_iteration():
    assert [c.name for c in Color] == ["RED", "GREEN"] and len(Color) == 2 and list(Color) == [Color.RED, Color.GREEN]


def test_value():
    assert Color.RED.value == 1 and Color.RED.name == "RED" and Color.RED.nice == "Red"


def test_member():
    assert isinstance(Color.RED, Color) and Color.RED in Color


def test_hash():
    assert {Color.RED: "r"}[Color.RED] == "r" and Color.RED in {Color.RED, Color.GREEN}


def test_int():
    assert (
        Level.HIGH == 3
        and Level.HIGH > Level.LOW
        and Level.HIGH + 1 == 4
        and isinstance(Level.LOW, int)
        and Level(3) is Level.HIGH
    )


def test_int_argument():
    assert name_of(Level.HIGH) == "HIGH" and sorted([Level.HIGH, Level.LOW]) == [Level.LOW, Level.HIGH]


def test_str():
    assert Suit.HEARTS == "h" and Suit("h") is Suit.HEARTS and Suit.HEARTS.upper() == "H"


def test_flag():
    assert Perm.R | Perm.W == Perm.W | Perm.R and Perm.R in (Perm.R | Perm.W) and bool(Perm.R & Perm.W) is False


def test_text():
    assert str(Color.RED) == "Color.RED" and repr(Color.RED) == "<Color.RED: 1>"
