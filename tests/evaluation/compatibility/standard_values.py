"""Datetimes, decimals, fractions, paths, UUIDs and containers of the standard library."""
# ruff: noqa

from collections import Counter, OrderedDict, defaultdict, deque
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from uuid import UUID


def echo(value):
    return value


def next_day(day):
    return day + timedelta(days=1)


def count(words):
    return Counter(words)


def group(pairs):
    groups = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return groups


def window(items):
    return deque(items, maxlen=2)


def half(x):
    return Decimal(x) / 2


# ---- hidden tests ----

from collections import Counter, OrderedDict, defaultdict, deque
from datetime import date, datetime, timedelta, timezone, time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from uuid import UUID
import pytest
from solution import count, echo, group, half, next_day, window


@pytest.mark.parametrize(
    "value",
    [
        date(2024, 2, 29),
        datetime(2024, 1, 1, 2, 3, 4, 5),
        datetime(2024, 1, 1, tzinfo=timezone.utc),
        time(1, 2),
        timedelta(days=-1, seconds=3),
        timezone(timedelta(hours=2)),
        Decimal("1.10"),
        Fraction(1, 3),
        Path("a/b"),
        UUID(int=5),
        OrderedDict(a=1),
        deque([1, 2], 5),
    ],
)
def test_round_trip(value):
    assert echo(value) == value and type(echo(value)) is type(value)


def test_next_day():
    assert next_day(date(2024, 2, 28)) == date(2024, 2, 29)


def test_counter():
    assert count("abca") == {"a": 2, "b": 1, "c": 1}
    assert count("abca").most_common(1) == [("a", 2)] and isinstance(count(""), Counter)


def test_group():
    assert group([("a", 1), ("a", 2)])["a"] == [1, 2]


def test_window():
    assert list(window([1, 2, 3])) == [2, 3] and window([]).maxlen == 2


def test_half():
    assert half("1") == Decimal("0.5")
