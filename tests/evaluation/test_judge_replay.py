"""A recorded review in place of the reviewer: computed again, never asked again."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from test_judge_run import run
from test_judge_server import Endpoint, reply, status

from green_logic.comparison import Verdict
from green_logic.errors import VerificationError
from green_logic.evaluation.judge.recorded import RecordedReviewer
from green_logic.evaluation.judge.review import NoReview, Review
from green_logic.proof.dbom import evidence_digest
from green_logic.recorded import Row, read_row, read_rows
from green_logic.reevaluation import Reevaluation
from green_logic.settings import Settings

RECORD = {**Review(model="m", reported=("m",), scores=(0.2, 0.6, 0.4), critique="why").record(0.1)}


def again(settings: Settings) -> dict[str, Verdict]:
    with Reevaluation(settings) as opened:
        return {verdict.battle_id: verdict for verdict in opened.judge_rows(read_rows(settings))}


@pytest.fixture
def reviewed(settings: Settings, tmp_path) -> Iterator[Settings]:
    """Two battles with reviews that disagree; the endpoint is gone."""
    with Endpoint() as endpoint:
        endpoint.script = [reply(score) for score in (0.5, 0.2, 0.6, 0.4, 0.3, 0.9, 0.7)]
        run(settings, tmp_path, endpoint)
    return settings


def forge(settings: Settings, battle_id: str, **changes: Any) -> Row:
    row = read_row(settings, battle_id)
    assert row is not None
    result = orjson.loads(row.raw_result)
    result["evaluation"]["judge_review"].update(changes)
    raw = orjson.dumps(result, option=orjson.OPT_SORT_KEYS)
    digests = {"dbom_hash": hashlib.sha256(raw).hexdigest(), "evidence_sha256": evidence_digest(result)}
    return dataclasses.replace(row, raw_result=raw, **digests)


def test_reviewed_battles_are_bit_equal_without_a_reviewer(reviewed: Settings) -> None:
    verdicts = again(reviewed)
    assert {verdict.outcome for verdict in verdicts.values()} == {"equal"}


def test_a_configured_reviewer_is_not_asked(reviewed: Settings) -> None:
    with Endpoint() as endpoint:
        endpoint.script = [reply(0.0)] * 20
        verdicts = again(reviewed.changed(judge=endpoint.url, judge_model="another", judge_required=True))
        assert endpoint.seen == []
    assert {verdict.outcome for verdict in verdicts.values()} == {"equal"}


@pytest.mark.parametrize(
    "changes",
    [
        {"scores": [1.0, 1.0, 1.0]},
        {"scores": [1.0, 1.0, 1.0], "median": 1.0, "spread": 0.0},
        {"median": 1.0},
        {"spread": 0.0},
        {"k": 1},
        {"scores": []},
        {"scores": [2.0, 2.0, 2.0], "median": 2.0, "spread": 0.0},
        {"delta": 0.3},
        {"kind": "none", "reason": "gone"},
        {"more": 1},
    ],
)
def test_a_forged_review_is_found(reviewed: Settings, changes: dict[str, Any]) -> None:
    row = forge(reviewed, "untested", **changes)
    with Reevaluation(reviewed) as opened:
        (verdict,) = opened.judge_rows([row])
    assert verdict.outcome == "differs"
    assert verdict.differences


def test_another_model_or_number_of_reviews_is_another_profile(reviewed: Settings) -> None:
    five = {"scores": [0.5] * 5, "median": 0.5, "spread": 0.0, "k": 5}
    for changes in ({"model": "another"}, five):
        with Reevaluation(reviewed) as opened:
            (verdict,) = opened.judge_rows([forge(reviewed, "tested", **changes)])
        assert verdict.outcome == "other_profile"


def test_a_review_that_failed_is_replayed_when_the_reviewer_is_named(settings: Settings, tmp_path) -> None:
    with Endpoint() as endpoint:
        endpoint.script = [reply(0.4)] + [status(404)] * 200  # it answers the first question only
        run(settings, tmp_path, endpoint)
    verdicts = again(settings)
    assert {verdict.outcome for verdict in verdicts.values()} == {"other_profile"}
    assert all("--judge-model" in verdict.hint for verdict in verdicts.values())
    assert {verdict.outcome for verdict in again(settings.changed(judge_model="m")).values()} == {"equal"}
    assert {item.outcome for item in again(settings.changed(judge_model="other")).values()} == {"other_profile"}


def test_the_record_gives_back_the_review_that_made_it() -> None:
    reviewer = RecordedReviewer(RECORD)
    assert reviewer.is_known
    assert reviewer.profile["reviews"] == 3
    found = reviewer.review(battle=None)  # type: ignore[arg-type]  # whatever the battle
    assert found == reviewer.review(battle=None)  # type: ignore[arg-type]  # same
    assert isinstance(found, Review)
    assert found.record(0.1) == RECORD
    gone = RecordedReviewer({"kind": "none", "reason": "it was down"}, model="m", reviews=5)
    assert gone.review(battle=None) == NoReview("it was down")  # type: ignore[arg-type]  # same
    assert (gone.is_known, gone.profile["model"], gone.profile["reviews"]) == (True, "m", 5)


@pytest.mark.parametrize("record", [None, "x", {}, {"kind": "none"}, {"kind": "none", "reason": 1}, {**RECORD, "k": 2}])
def test_what_no_judge_writes_is_refused(record: object) -> None:
    with pytest.raises(VerificationError):
        RecordedReviewer(record)
