"""Lists of recorded battles."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from green_logic.errors import LedgerMissingError
from green_logic.ledger.database import Ledger
from green_logic.ledger.listing import list_battles


@pytest.fixture
def books(settings, key, make_sealed):
    """Six battles of two tasks and two agents, the last one with a broken result."""
    with Ledger.open(settings, key) as ledger:
        for number in range(6):
            task = {"id": f"task-{number % 2}", "title": ("A Stack", "A Queue")[number % 2]}
            who = {"agent": ("Purple", "red")[number // 3], "model": "m"}
            more = {"score": number / 10, "task": task, "participant": who}
            ledger.submit([make_sealed(f"b-{number}", origin=ledger.origin, **more)])
    return settings


def ids(settings, **filters):
    return [battle.battle_id for battle in list_battles(settings, **{"limit": 100, **filters})[0]]


def test_newest_first_and_no_more_than_asked_for(books):
    assert ids(books) == [f"b-{number}" for number in reversed(range(6))]
    battles, more = list_battles(books, limit=2)
    assert ([battle.battle_id for battle in battles], more) == (["b-5", "b-4"], True)
    assert list_battles(books, limit=6)[1] is False


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"task": "task-1"}, ["b-5", "b-3", "b-1"]),
        ({"task": "TASK-1"}, ["b-5", "b-3", "b-1"]),
        ({"task": "stack"}, ["b-4", "b-2", "b-0"]),
        ({"task": "task"}, []),
        ({"task": "%"}, []),
        ({"agent": "purple"}, ["b-2", "b-1", "b-0"]),
        ({"agent": "purp"}, []),
        ({"below": 0.2}, ["b-1", "b-0"]),
        ({"below": 0.0}, []),
        ({"below": 0.5, "task": "queue", "agent": "red"}, ["b-3"]),
    ],
)
def test_filters_narrow_the_list_together(books, filters, found):
    assert ids(books, **filters) == found


def test_a_battle_whose_result_is_broken_is_listed_all_the_same(books):
    with closing(sqlite3.connect(books.database)) as connection:
        connection.executescript("DROP TRIGGER battles_no_update; UPDATE battles SET raw_result = '{' WHERE id = 3;")
    (broken,) = [battle for battle in list_battles(books, limit=9)[0] if battle.battle_id == "b-2"]
    assert (broken.score, broken.task_id, broken.agent) == (0.2, None, None)
    assert "b-2" not in ids(books, task="stack")


def test_a_title_that_is_no_text_does_not_break_the_list(settings, key, make_sealed):
    with Ledger.open(settings, key) as ledger:
        ledger.submit([make_sealed("b", origin=ledger.origin, task={"id": 7, "title": ["x"]}, participant="nobody")])
    assert ids(settings) == ["b"]
    assert ids(settings, task="7") == ["b"]


def test_listing_makes_no_ledger(settings):
    with pytest.raises(LedgerMissingError):
        list_battles(settings, limit=1)
    assert not settings.data_dir.exists()
