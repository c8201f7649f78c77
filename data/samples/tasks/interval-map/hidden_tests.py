import random

import pytest

from solution import IntervalMap


def plain(value):
    """The value, if it is made of built-in types; an object of the solution's own could claim to equal anything."""
    assert type(value) in (list, tuple, str, int, bool, type(None)), "an answer is not a plain value"
    for part in value if type(value) in (list, tuple) else ():
        plain(part)
    return value


def test_an_empty_map_covers_nothing():
    roster = IntervalMap()
    assert plain(roster.spans()) == []
    assert len(roster) == 0
    assert plain(roster.at(0)) is None


@pytest.mark.parametrize(
    ("point", "value"), [(9, None), (10, "ada"), (19, "ada"), (20, None)]
)
def test_the_range_is_half_open(point, value):
    roster = IntervalMap()
    roster.assign(10, 20, "ada")
    assert plain(roster.at(point)) == value
    assert plain(roster.at(15)) == "ada"


def test_painting_inside_a_span_splits_it():
    roster = IntervalMap()
    roster.assign(0, 30, "ada")
    roster.assign(10, 20, "bo")
    assert plain(roster.spans()) == [(0, 10, "ada"), (10, 20, "bo"), (20, 30, "ada")]
    assert len(roster) == 3


def test_painting_over_several_spans_keeps_the_ends_that_stick_out():
    roster = IntervalMap()
    roster.assign(0, 10, "ada")
    roster.assign(12, 20, "bo")
    roster.assign(25, 40, "cy")
    roster.assign(5, 30, "dee")
    assert plain(roster.spans()) == [(0, 5, "ada"), (5, 30, "dee"), (30, 40, "cy")]


def test_touching_equal_neighbours_become_one_span():
    roster = IntervalMap()
    roster.assign(0, 5, "ada")
    roster.assign(10, 15, "ada")
    assert len(roster) == 2
    roster.assign(5, 10, "ada")
    assert plain(roster.spans()) == [(0, 15, "ada")]


def test_a_gap_keeps_equal_neighbours_apart():
    roster = IntervalMap()
    roster.assign(0, 5, "ada")
    roster.assign(6, 9, "ada")
    assert plain(roster.spans()) == [(0, 5, "ada"), (6, 9, "ada")]


def test_overlapping_equal_values_grow_the_span():
    roster = IntervalMap()
    roster.assign(0, 8, "ada")
    roster.assign(4, 12, "ada")
    assert plain(roster.spans()) == [(0, 12, "ada")]


def test_erase_cuts_a_hole():
    roster = IntervalMap()
    roster.assign(-10, 10, "ada")
    roster.erase(-2, 3)
    assert plain(roster.spans()) == [(-10, -2, "ada"), (3, 10, "ada")]
    assert plain(roster.at(0)) is None


def test_undo_walks_back_step_by_step():
    roster = IntervalMap()
    roster.assign(0, 10, "ada")
    roster.assign(5, 15, "bo")
    roster.erase(0, 2)
    assert roster.undo() is True
    assert plain(roster.spans()) == [(0, 5, "ada"), (5, 15, "bo")]
    assert roster.undo() is True
    assert plain(roster.spans()) == [(0, 10, "ada")]
    assert roster.undo() is True
    assert plain(roster.spans()) == []
    assert roster.undo() is False


def test_a_step_without_effect_is_still_a_step():
    roster = IntervalMap()
    roster.assign(0, 10, "ada")
    roster.erase(50, 60)
    roster.assign(2, 4, "ada")
    assert roster.undo() is True
    assert roster.undo() is True
    assert plain(roster.spans()) == [(0, 10, "ada")]


@pytest.mark.parametrize(("start", "stop"), [(5, 5), (6, 5)])
def test_an_empty_range_is_refused_and_leaves_no_step(start, stop):
    roster = IntervalMap()
    roster.assign(0, 10, "ada")
    with pytest.raises(ValueError):
        roster.assign(start, stop, "bo")
    with pytest.raises(ValueError):
        roster.erase(start, stop)
    assert plain(roster.spans()) == [(0, 10, "ada")]
    assert roster.undo() is True
    assert roster.undo() is False


def test_none_is_not_a_value():
    roster = IntervalMap()
    with pytest.raises(ValueError):
        roster.assign(0, 5, None)
    assert roster.undo() is False


def test_falsy_values_count_as_coverage():
    roster = IntervalMap()
    roster.assign(0, 3, 0)
    roster.assign(3, 6, "")
    assert plain(roster.spans()) == [(0, 3, 0), (3, 6, "")]
    assert plain(roster.at(1)) == 0


def test_the_listed_spans_are_a_copy():
    roster = IntervalMap()
    roster.assign(0, 3, "ada")
    roster.spans().append("junk")
    assert plain(roster.spans()) == [(0, 3, "ada")]


def test_it_agrees_with_painting_every_minute():
    draw = random.Random(20)
    roster, minutes = IntervalMap(), {}
    for _ in range(60):
        start = draw.randrange(40)
        stop = start + draw.randrange(1, 12)
        value = draw.choice(["ada", "bo", "cy", None])
        if value is None:
            roster.erase(start, stop)
        else:
            roster.assign(start, stop, value)
        for minute in range(start, stop):
            minutes[minute] = value
    painted = {m: v for start, stop, v in roster.spans() for m in range(start, stop)}
    assert painted == {minute: value for minute, value in minutes.items() if value is not None}
