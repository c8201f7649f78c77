"""Decimals, fractions, dates with zones and their arithmetic, as arguments, results and attributes."""
# ruff: noqa

import math
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from zoneinfo import ZoneInfo


def instalments(total, months):
    part = (total / months).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    return [part] * (months - 1) + [total - part * (months - 1)]


def precise(numerator, denominator, digits):
    with localcontext() as context:
        context.prec = digits
        return Decimal(numerator) / Decimal(denominator)


def egyptian(fraction):
    parts = []
    while fraction > 0:
        unit = Fraction(1, math.ceil(1 / fraction))
        parts.append(unit)
        fraction -= unit
    return parts


def workdays(start, count):
    days, day = [], start
    while len(days) < count:
        if day.weekday() < 5:
            days.append(day)
        day += timedelta(days=1)
    return days


def convert(moment, zone):
    return moment.astimezone(ZoneInfo(zone))


class Meeting:
    def __init__(self, start, duration):
        if start.tzinfo is None:
            raise ValueError("a meeting needs a time zone")
        self.start, self.duration = start, duration

    @property
    def end(self):
        return self.start + self.duration

    def overlaps(self, other):
        return self.start < other.end and other.start < self.end

    def __sub__(self, other):
        return self.start - other.start


def spread(values):
    return max(values) - min(values)


# ---- hidden tests ----

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from fractions import Fraction

import pytest
from solution import Meeting, convert, egyptian, instalments, precise, spread, workdays


def test_instalments():
    parts = instalments(Decimal("100.00"), 3)
    assert parts == [Decimal("33.33"), Decimal("33.33"), Decimal("33.34")]
    assert sum(parts) == Decimal("100.00") and all(type(part) is Decimal for part in parts)
    assert str(parts[0]) == "33.33" and parts[0].as_tuple().exponent == -2


def test_precision():
    assert str(precise(1, 7, 5)) == "0.14286" and str(precise(1, 7, 10)) == "0.1428571429"
    with pytest.raises(ZeroDivisionError):
        precise(1, 0, 5)
    with pytest.raises(InvalidOperation):
        precise("x", 1, 5)


def test_special_decimals():
    assert precise("Infinity", 2, 5) == Decimal("Infinity") and precise("NaN", 2, 5).is_nan()
    assert str(precise("-0", 2, 5)) == "-0"


def test_fractions():
    parts = egyptian(Fraction(7, 15))
    assert parts == [Fraction(1, 3), Fraction(1, 8), Fraction(1, 120)] and sum(parts) == Fraction(7, 15)
    assert parts[0].denominator == 3 and parts[0] + 1 == Fraction(4, 3) and float(parts[1]) == 0.125


def test_workdays():
    days = workdays(date(2024, 3, 1), 3)
    assert days == [date(2024, 3, 1), date(2024, 3, 4), date(2024, 3, 5)]
    assert (days[1] - days[0]).days == 3 and f"{days[0]:%d.%m.%Y}" == "01.03.2024"


def test_zones():
    moment = datetime(2024, 7, 1, 12, tzinfo=timezone.utc)
    there = convert(moment, "America/New_York")
    assert there == moment and there.hour == 8 and there.utcoffset() == timedelta(hours=-4)
    assert there.isoformat() == "2024-07-01T08:00:00-04:00"


def test_meetings():
    start = datetime(2024, 1, 1, 9, tzinfo=timezone(timedelta(hours=1)))
    first, second = Meeting(start, timedelta(hours=1)), Meeting(start + timedelta(minutes=30), timedelta(hours=1))
    assert first.overlaps(second) and first.end == start + timedelta(hours=1)
    assert second - first == timedelta(minutes=30) and (second - first) / timedelta(minutes=1) == 30
    assert not first.overlaps(Meeting(first.end, timedelta(0)))
    assert first.end.astimezone(timezone.utc).hour == 9
    with pytest.raises(ValueError, match="time zone"):
        Meeting(datetime(2024, 1, 1), timedelta(1))


def test_spread():
    assert spread([Decimal("1.5"), Decimal("-2")]) == Decimal("3.5")
    assert spread([date(2024, 1, 1), date(2024, 1, 31)]) == timedelta(30)
    assert spread([Fraction(1, 2), Fraction(1, 3)]) == Fraction(1, 6)
