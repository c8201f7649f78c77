"""The reviewer in a whole run: from the settings to the row."""

from __future__ import annotations

import json
import sqlite3

import pytest
from test_judge_server import Endpoint, reply, status

from green_logic.errors import ConfigurationError
from green_logic.pipeline import BatchRun, run_batch
from green_logic.settings import Settings

HIDDEN = "from solution import double\n\ndef test_two():\n    assert double(2) == 4\n"


def run(settings: Settings, tmp_path, endpoint: Endpoint, **changes):
    task = {"title": "Double", "description": "Write double(n)."}
    answer = {"sourceCode": "def double(n):\n    return 2 * n\n", "rationale": "double doubles"}
    lines = [
        {"battle_id": "tested", "task": {**task, "hidden_tests": HIDDEN}, "purple_response": answer},
        {"battle_id": "untested", "task": task, "purple_response": answer},
    ]
    source = tmp_path / "battles.jsonl"
    source.write_text("\n".join(map(json.dumps, lines)))
    changed = settings.changed(judge=endpoint.url, judge_model="m", workers=1, retries=0, retry_delay_s=0.0, **changes)
    with BatchRun(str(source), changed) as batch:
        run_batch(batch)
        return batch.report()


def evaluations(settings: Settings):
    with sqlite3.connect(settings.database) as connection:
        rows = connection.execute("SELECT battle_id, raw_result FROM battles").fetchall()
    return {battle_id: json.loads(raw_result) for battle_id, raw_result in rows}


def test_a_review_moves_a_measured_l_by_a_tenth_and_stands_in_for_missing_tests(settings, tmp_path):
    with Endpoint() as endpoint:
        endpoint.script = [reply(0.4)] * 10
        report = run(settings, tmp_path, endpoint)
    assert (report["recorded"], report["warnings"]) == (2, [])
    found = evaluations(settings)
    assert found["tested"]["evaluation"]["logic_score"] == 0.9
    assert found["untested"]["evaluation"]["logic_score"] == 0.4
    assert found["untested"]["evaluation"]["components"]["logic"]["source"] == "llm"
    assert found["tested"]["profile"]["id"].endswith("+llm")


def test_an_optional_judge_that_is_down_leaves_the_evidence_as_it_is(settings, tmp_path):
    with Endpoint() as endpoint:
        endpoint.script = [reply(0.4)] + [status(404)] * 200  # it answers the first question only
        report = run(settings, tmp_path, endpoint)
    assert report["recorded"] == 2
    found = evaluations(settings)
    assert (found["tested"]["evaluation"]["logic_score"], found["untested"]["evaluation"]["logic_score"]) == (1.0, None)
    assert found["tested"]["evaluation"]["judge"] == "none"
    # a row stays for ever, so whoever started the run is to hear that the reviewer was not there
    reason = found["tested"]["evaluation"]["judge_review"]["reason"]
    assert report["warnings"] == [{"message": f"judged without the LLM reviewer: {reason}", "line": 1, "lines": 2}]


def test_a_required_judge_that_is_down_means_not_evaluated_never_a_score(settings, tmp_path):
    with Endpoint() as endpoint:
        endpoint.script = [reply(0.4)] + [status(404)] * 200
        report = run(settings, tmp_path, endpoint, judge_required=True)
    assert (report["recorded"], report["not_evaluated"]) == (0, 2)
    assert evaluations(settings) == {}


def test_a_wrong_key_stops_the_run_before_anything_is_judged(settings, tmp_path):
    with Endpoint() as endpoint, pytest.raises(ConfigurationError):
        endpoint.script = [status(401)]
        run(settings, tmp_path, endpoint)
    assert evaluations(settings) == {}
