"""Inspect AI's logs: each sample and scorer a battle, mapped only as the operator said."""

from __future__ import annotations

import hashlib
import json
import zipfile

import pytest
from foreign import header_of, sample_of, write_log, write_zstd_log

from green_logic.errors import ConfigurationError, InvalidBattleError
from green_logic.importers import inspect_sample
from green_logic.importers.score_map import parse_score_maps

LETTERS = "C=1,I=0,P=0.5,N=0"


def test_each_sample_and_scorer_becomes_a_sealed_battle(tmp_path, settings, run_import, recorded, assert_whole):
    two = {"match": {"value": "I"}, "grade": {"value": 7.5, "explanation": "nearly"}}
    log = write_log(tmp_path / "run.eval", [sample_of("s/1 x"), sample_of(2, epoch=2, scores=two)])
    report = run_import(log, maps=(LETTERS, "grade@linear:0..10"))
    assert report["recorded"] == report["read"] == 3
    scores = {result["imported"]["original_id"]: result["evaluation"]["cis_score"] for result in recorded().values()}
    assert scores == {"s/1 x epoch 1 match": 1.0, "2 epoch 2 match": 0.0, "2 epoch 2 grade": 0.75}
    assert_whole(settings)


def test_a_log_packed_with_zstd_as_inspect_packs_it_is_read(tmp_path, run_import, recorded):
    samples = [sample_of("s/1 x"), sample_of(2, value="I"), sample_of(3, scores={}, error={"message": "boom"})]
    report = run_import(write_zstd_log(tmp_path / "run.eval", samples), maps=(LETTERS,))
    assert (report["read"], report["recorded"], report["not_evaluated"]) == (3, 2, 1)
    assert sorted(result["evaluation"]["cis_score"] for result in recorded().values()) == [0.0, 1.0]


def test_a_battle_attests_the_import_and_holds_the_whole_sample(tmp_path, run_import, recorded):
    log = write_log(tmp_path / "run.eval", [sample_of()])
    run_import(log, maps=(LETTERS,))
    (result,) = recorded().values()
    assert result["profile"] == {"id": "imported/inspect-ai/1"}
    assert result["imported"]["file_sha256"] == hashlib.sha256(log.read_bytes()).hexdigest()
    assert result["original"]["sample"] == sample_of()
    assert result["original"]["member"]["sha256"] == hashlib.sha256(json.dumps(sample_of()).encode()).hexdigest()
    assert result["evaluation"]["original_score"] == {"scorer": "match", "value": "C", "score_map": LETTERS}
    assert result["evaluation"]["breakdown"] == "it is 42"
    assert result["participant"]["model"] == "mockllm/model"
    assert result["task"] == {"id": "arithmetic", "title": "arithmetic", "description": "six times seven"}
    assert any(result["evaluation"]["intent_vector"])


def test_a_big_sample_keeps_its_record_and_the_digests_of_its_bulk(tmp_path, run_import, recorded, monkeypatch):
    monkeypatch.setattr(inspect_sample, "ORIGINAL_LIMIT", 100)
    sample = sample_of(events=[{"text": "x" * 1000}])
    run_import(write_log(tmp_path / "run.eval", [sample]), maps=(LETTERS,))
    (result,) = recorded().values()
    original = result["original"]
    assert "events" not in original["sample"]
    text = json.dumps(sample["events"], sort_keys=True).encode()
    assert original["left_out"]["events"] == {"sha256": hashlib.sha256(text).hexdigest(), "size_bytes": len(text)}
    assert original["sample"]["scores"] == sample["scores"]


def test_a_second_import_records_nothing_new_and_another_map_is_a_conflict(tmp_path, run_import):
    log = write_log(tmp_path / "run.eval", [sample_of(), sample_of(2, value="P")])
    run_import(log, maps=(LETTERS,))
    again = run_import(log.rename(tmp_path / "renamed.eval"), maps=(LETTERS,))
    assert (again["recorded"], again["already_recorded"]) == (0, 2)
    other = run_import(tmp_path / "renamed.eval", maps=("C=1,P=0.25",))
    assert (other["recorded"], other["already_recorded"], other["conflicts"]) == (0, 1, 1)


def test_two_runs_of_one_task_never_share_an_id(tmp_path, run_import):
    first = write_log(tmp_path / "a.eval", [sample_of()])
    header = header_of()
    header["eval"]["eval_id"] = "another"
    second = write_log(tmp_path / "b.eval", [sample_of()], header=header)
    assert run_import(first, second, maps=(LETTERS,))["recorded"] == 2


def test_no_score_is_guessed_without_a_map(tmp_path, run_import, settings):
    report = run_import(write_log(tmp_path / "run.eval", [sample_of(), sample_of(2, value=1)]))
    assert (report["recorded"], report["refused_by_kind"]) == (0, {"score": 2})
    assert "--score-map" in report["examples"]["refused"][0]["reason"]
    assert not list(settings.dboms.glob("*"))


@pytest.mark.parametrize("value", ["P", 11, -1, True, "7.5", [1], [], ""])
def test_a_value_that_the_map_lacks_is_refused(tmp_path, run_import, value):
    for maps in (("C=1,I=0",), ("linear:0..10",)):
        if maps == ("linear:0..10",) and value == "P":
            continue
        report = run_import(write_log(tmp_path / "run.eval", [sample_of(value=value)]), maps=maps)
        assert report["refused_by_kind"] == {"score": 1}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"error": {"message": "ValueError('boom')", "traceback": "…"}, "scores": {}}, "boom"),
        ({"error": {"message": "boom"}}, "boom"),
        ({"scores": None}, "no scorer"),
        ({"scores": {}}, "no scorer"),
        ({"scores": {"match": {"value": float("nan")}}}, "no score"),
        ({"scores": {"match": {"value": None}}}, "no score"),
        ({"scores": {"match": {"value": {"a": None}}}}, "no score"),
        ({"scores": {"match": {"value": "I", "reason": "grader_failed"}}}, "grader_failed"),
        ({"scores": {"match": {"value": "I", "metadata": {"unscored_reason": "scoring_failed"}}}}, "scoring_failed"),
        ({"invalidation": {"author": "me", "reason": "wrong sandbox"}}, "wrong sandbox"),
    ],
)
def test_what_was_not_evaluated_is_set_aside(tmp_path, run_import, settings, change, reason):
    report = run_import(write_log(tmp_path / "run.eval", [sample_of(**change)]), maps=(LETTERS,))
    assert (report["not_evaluated"], report["recorded"]) == (1, 0)
    (path,) = settings.not_evaluated.glob("*.json")
    assert reason in json.loads(path.read_bytes())["reason"]


def test_a_refusal_by_the_model_is_a_score(tmp_path, run_import):
    scores = {"match": {"value": "N", "reason": "refusal"}}
    assert run_import(write_log(tmp_path / "run.eval", [sample_of(scores=scores)]), maps=(LETTERS,))["recorded"] == 1


def test_each_key_of_a_dictionary_is_a_battle(tmp_path, run_import, recorded):
    scores = {"multi": {"value": {"a": 0.5, "b": 1.0}}}
    log = write_log(tmp_path / "run.eval", [sample_of(scores=scores)])
    assert run_import(log, maps=("multi@linear:0..1", "multi.b@linear:0..2"))["recorded"] == 2
    assert sorted(result["evaluation"]["cis_score"] for result in recorded().values()) == [0.5, 0.5]


def test_chat_inputs_and_logs_with_one_scorer_are_read(tmp_path, run_import, recorded):
    chat = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "six times seven"}, {"type": "image", "image": "…"}]},
        {"role": "assistant", "content": "42"},
    ]
    sample = sample_of(input=chat, score={"value": "C"})
    del sample["scores"]
    assert run_import(write_log(tmp_path / "run.eval", [sample]), maps=(LETTERS,))["recorded"] == 1
    (result,) = recorded().values()
    assert result["task"]["description"] == "Be brief.\nsix times seven"


def test_a_sample_without_a_text_is_refused_never_given_zeros(tmp_path, run_import):
    for text in ("", " \n", [], [{"role": "user", "content": [{"type": "image"}]}]):
        report = run_import(write_log(tmp_path / "run.eval", [sample_of(input=text)]), maps=(LETTERS,))
        assert report["refused_by_kind"] == {"vector": 1}


def test_a_killed_run_is_read_from_its_journal_and_said_to_be_one(tmp_path, run_import):
    with zipfile.ZipFile(tmp_path / "run.eval", "w") as archive:
        start = {"version": 2, "eval": header_of()["eval"], "plan": {}}
        archive.writestr("_journal/start.json", json.dumps(start))
        archive.writestr("samples/1_epoch_1.json", json.dumps(sample_of()))
    report = run_import(tmp_path / "run.eval", maps=(LETTERS,))
    assert report["recorded"] == 1
    assert "started" in report["notes"][0]


def test_a_log_stays_as_it_is(tmp_path, run_import, unchanged):
    directory = tmp_path / "logs"
    directory.mkdir()
    log = write_log(directory / "run.eval", [sample_of()])
    with unchanged(directory):
        run_import(log, maps=(LETTERS,))


# --- the map itself


@pytest.mark.parametrize(
    ("text", "value", "score"),
    [
        ("linear:0..10", 0, 0.0),
        ("linear:0..10", 10, 1.0),
        ("linear:-1..1", 0.5, 0.75),
        ("linear:10..0", 10, 0.0),
        ("linear:10..0", 0, 1.0),
        ("true=1,false=0", True, 1.0),
        ("1=0.25", 1.0, 0.25),
        ("a=b=0.5", "a=b", 0.5),
        ("=0", "", 0.0),
    ],
)
def test_a_map_gives_exactly_what_it_says(text, value, score):
    assert parse_score_maps([text]).find("any").apply(value) == score


@pytest.mark.parametrize("value", [10.0001, -1, True, None, "5", float("inf"), [5], {}])
def test_a_linear_map_takes_numbers_between_its_ends_only(value):
    with pytest.raises(InvalidBattleError):
        parse_score_maps(["linear:0..10"]).find("any").apply(value)


@pytest.mark.parametrize(
    "texts",
    [
        [""],
        ["C"],
        ["C=2"],
        ["C=-1"],
        ["C=nan"],
        ["C=1,C=0"],
        ["C=1,"],
        ["linear:"],
        ["linear:1"],
        ["linear:1..1"],
        ["linear:0..inf"],
        ["linear:a..b"],
        ["C=1", "I=0"],
        ["m@C=1", "m@I=0"],
        ["m@"],
    ],
)
def test_a_map_that_is_none_is_an_error_of_use(texts):
    with pytest.raises(ConfigurationError, match="--score-map"):
        parse_score_maps(texts)
