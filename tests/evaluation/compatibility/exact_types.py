"""Values keep their exact types: bool and int, int and float, tuple and list."""
# ruff: noqa


def echo(value):
    return value


def kinds():
    return [
        True,
        1,
        1.0,
        -0.0,
        None,
        "",
        b"x",
        (1,),
        [1],
        {1},
        frozenset({1}),
        {"a": (1, [2])},
        1j,
        2**300,
        float("inf"),
    ]


# ---- hidden tests ----

import math
import pytest
from solution import echo, kinds


def test_types():
    assert [
        type(v).__name__ for v in kinds()
    ] == "bool int float float NoneType str bytes tuple list set frozenset dict complex int float".split()


def test_values():
    assert kinds()[:3] == [True, 1, 1.0] and kinds()[0] is True
    assert math.copysign(1, kinds()[3]) == -1
    assert kinds()[13] == 2**300


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        10**30,
        1.5,
        "\ud800",
        "\x00",
        "é𝄞",
        b"\xff",
        (),
        ((),),
        [[]],
        {"k": [1]},
        {1: 2},
        {(1, 2): "x"},
        set(),
        frozenset({1, "a"}),
        ...,
        NotImplemented,
        range(3),
        slice(1, 2),
        bytearray(b"z"),
    ],
)
def test_round_trip(value):
    assert echo(value) == value and type(echo(value)) is type(value)


def test_nan():
    assert math.isnan(echo(math.nan))
