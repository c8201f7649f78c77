import pytest

from solution import IntervalMap


@pytest.fixture
def roster():
    made = IntervalMap()
    made.assign(100, 200, "early")
    return made


def test_lookup_at_the_borders(roster):
    assert [roster.at(p) for p in (99, 100, 199, 200)] == [None, "early", "early", None]


def test_split_and_replace(roster):
    roster.assign(150, 160, "relief")
    assert roster.spans() == [(100, 150, "early"), (150, 160, "relief"), (160, 200, "early")]
    assert len(roster) == 3


def test_same_start_and_same_stop(roster):
    roster.assign(100, 120, "a")
    roster.assign(180, 200, "b")
    assert roster.spans() == [(100, 120, "a"), (120, 180, "early"), (180, 200, "b")]


def test_merge_on_both_sides(roster):
    roster.assign(300, 400, "early")
    roster.assign(200, 300, "early")
    assert roster.spans() == [(100, 400, "early")]


def test_repainting_with_the_same_value_changes_nothing(roster):
    roster.assign(120, 130, "early")
    assert roster.spans() == [(100, 200, "early")]


def test_erase_then_undo(roster):
    roster.erase(0, 150)
    assert roster.spans() == [(150, 200, "early")]
    assert roster.undo() is True
    assert roster.spans() == [(100, 200, "early")]
    assert roster.undo() is True
    assert roster.spans() == []
    assert roster.undo() is False


@pytest.mark.parametrize("call", [lambda m: m.assign(5, 5, "x"), lambda m: m.erase(9, 1), lambda m: m.assign(1, 2, None)])
def test_refused_calls_leave_no_trace(roster, call):
    with pytest.raises(ValueError):
        call(roster)
    assert roster.spans() == [(100, 200, "early")]
    roster.undo()
    assert roster.undo() is False


def test_falsy_values_are_values():
    made = IntervalMap()
    made.assign(0, 2, 0)
    assert made.spans() == [(0, 2, 0)]
    assert made.at(1) == 0
