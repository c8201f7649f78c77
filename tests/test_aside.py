"""The one shape of a battle that was set aside."""

from __future__ import annotations

import json

import pytest

from green_logic.aside import aside_bytes, aside_entry, aside_name, is_same_failure
from green_logic.tally import Tally

ENTRY = aside_entry(
    "b-1", "the sandbox was gone", file="in.jsonl", line=7, at="2026-01-01T00:00:00.000000Z", attempts=4
)


def test_an_entry_says_which_why_where_and_when() -> None:
    assert aside_name("b-1") == "b-1.json"
    assert json.loads(aside_bytes(ENTRY)) == {
        "battle_id": "b-1",
        "reason": "the sandbox was gone",
        "code": "not-evaluated",
        "attempts": 4,
        "file": "in.jsonl",
        "line": 7,
        "at": "2026-01-01T00:00:00.000000Z",
    }


def test_only_another_time_is_the_same_failure() -> None:
    assert is_same_failure(aside_bytes({**ENTRY, "at": "later"}), ENTRY)
    for name in ENTRY.keys() - {"at"}:
        assert not is_same_failure(aside_bytes({**ENTRY, name: "other"}), ENTRY)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"{}", b"\xff"])
def test_what_is_no_entry_tells_of_no_failure(data: bytes) -> None:
    assert not is_same_failure(data, ENTRY)


@pytest.mark.parametrize("name", ["conflicts", "refused", "not_evaluated"])
def test_one_line_that_is_not_on_the_ledger_makes_a_tally_unclean(name: str) -> None:
    assert Tally(read=2, recorded=1, already_recorded=1).clean
    assert not Tally(read=1, **{name: 1}).clean
