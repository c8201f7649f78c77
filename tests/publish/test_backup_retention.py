"""Which backups stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from green_logic.errors import ConfigurationError
from green_logic.publish.retention import STAMP_FORM, parse_keep, parse_stamp, select_surplus

YEAR = [datetime(2026, 1, 1, 3, tzinfo=UTC) + timedelta(days=day) for day in range(365)]


def stamp(moment):
    return moment.strftime(STAMP_FORM)


def kept(names, rule):
    names = list(names)
    return sorted(set(names) - set(select_surplus(names, parse_keep(rule))))


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("7d", {"d": 7}),
        ("7d,4w,12m", {"d": 7, "w": 4, "m": 12}),
        ("12m, 1d", {"m": 12, "d": 1}),
        ("9999w", {"w": 9999}),
    ],
)
def test_rules_are_read(text, rules):
    assert parse_keep(text) == rules


@pytest.mark.parametrize("text", ["", "7", "d", "0d", "-1d", "7d,", "7d,7d", "7d4w", "7h", "1y", "07d", "٧d", "7D"])
def test_other_rules_are_refused(text):
    with pytest.raises(ConfigurationError, match="keep expected days"):
        parse_keep(text)


@pytest.mark.parametrize(
    "name",
    [
        "2026-02-31T000000Z",
        "2026-01-01",
        "2026-01-01T000000Z-",
        "2026-01-01T000000Z-x",
        "x2026-01-01T000000Z",
        "notes",
        "2026-01-01T000000Z\n",
        ".tmp-2026-01-01T000000Z",
    ],
)
def test_names_that_are_no_stamps_are_not_ours(name):
    assert parse_stamp(name) is None
    assert select_surplus([name, "2026-01-01T000000Z"], {"d": 1}) == []


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("1d", [364]),
        ("3d", [362, 363, 364]),
        # 31 December 2026 is a Thursday: this week so far, and the Sundays before it
        ("3w", [353, 360, 364]),
        ("3m", [303, 333, 364]),
        ("2d,2w,2m", [333, 360, 363, 364]),
        ("400d", list(range(365))),
    ],
)
def test_a_year_of_nightly_backups_thins_out(rule, days):
    assert kept(map(stamp, YEAR), rule) == [stamp(YEAR[day]) for day in days]


def test_days_without_a_backup_do_not_count():
    names = [stamp(YEAR[day]) for day in (0, 100, 200)]
    assert kept(names, "3d") == names


def test_the_newest_of_a_day_stays_whatever_its_number():
    names = ["2026-01-01T000000Z", "2026-01-01T000000Z-2", "2026-01-01T000000Z-10", "2026-01-02T000000Z"]
    assert kept(names, "2d") == [names[2], names[3]]


@given(
    moments=st.lists(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), max_size=40),  # noqa: DTZ001
    rules=st.fixed_dictionaries({}, optional={unit: st.integers(1, 5) for unit in "dwm"}),
)
def test_the_newest_always_stays_and_thinning_twice_changes_nothing(moments, rules):
    names = sorted({stamp(moment) for moment in moments})
    surplus = select_surplus(names, rules)
    left = [name for name in names if name not in surplus]
    assert names[-1:] == left[-1:]
    assert select_surplus(left, rules) == []
    assert surplus == sorted(surplus)
    assert len(left) <= 1 + sum(rules.values())
