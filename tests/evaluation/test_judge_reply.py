"""How replies are read, what a review may do to L, and what is recorded."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from test_judge_server import KEY, MODEL, completion, opinion

from green_logic.errors import ConfigurationError, GreenLogicError, VerificationError
from green_logic.evaluation.cis import Component, rounded
from green_logic.evaluation.judge.errors import MalformedReplyError
from green_logic.evaluation.judge.prompt import PROMPT_SHA256
from green_logic.evaluation.judge.reply import describe_problem, parse_completion, parse_opinion, read_opinion
from green_logic.evaluation.judge.review import EFFECT, NoReview, Review, apply_review, parse_record, review_logic
from green_logic.evaluation.judge.settings import JudgeSettings, find_key, find_url

SCORES = st.floats(0, 1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(SCORES, st.text(min_size=1).filter(str.strip))
def test_a_good_reply_is_read_as_it_was_meant(score: float, critique: str):
    for text in (
        opinion(score, critique),
        f"```json\n{opinion(score, critique)}\n```",
        f" {opinion(score, critique)}\n",
    ):
        found = parse_opinion(text)
        assert (found.score, found.critique) == (score, critique)


@given(
    st.text()
    | JSON.map(json.dumps)
    | st.dictionaries(st.sampled_from(["score", "critique", "x"]), JSON).map(json.dumps)
)
@example('{"critique": "\\ud800", "score": 1}')
@example("```json\n```")
@example("<think>")
@example('{"critique": "x", "score": 1e400}')
@example('{"critique": "x", "score": ' + "9" * 5000 + "}")
def test_any_text_is_an_opinion_in_range_or_malformed(text: str):
    try:
        found = parse_opinion(text)
    except MalformedReplyError as error:
        assert error.errors
        assert all(error.errors)
    else:
        assert 0 <= found.score <= 1
        assert found.critique.strip()


@given(st.binary() | JSON.map(json.dumps).map(str.encode) | JSON.map(completion))
@example(b'{"error":' * 1000 + b"1" + b"}" * 1000)
@example(b"[" * 1000 + b"]" * 1000)
@example(b'{"error": {"message": ["\\ud800"]}}')
@example(completion("[" * 200_000))
def test_any_body_is_an_opinion_in_range_or_a_known_error(body: bytes):
    try:
        found = read_opinion(parse_completion(body))
    except GreenLogicError as error:
        assert error.message.startswith("the judge")
    else:
        assert 0 <= found.score <= 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": {"message": "no such model", "type": "x"}}', "no such model"),
        (b'{"error": "loading"}', "loading"),
        (b'{"object": "error", "message": "too\\n\\u001b[31m long", "code": 400}', "too [31m long"),
        (b'{"detail": [{"loc": ["body"]}]}', '{"detail": [{"loc": ["body"]}]}'),
        (b"<html>Bad Gateway", "<html>Bad Gateway"),
        (b"\xff" * 999, "\ufffd" * 299 + "…"),
        (b" ", "nothing"),
    ],
    ids="abcdefg",
)
def test_a_server_is_quoted_briefly(body: bytes, words: str):
    assert describe_problem(body) == words


def test_thoughts_before_the_answer_are_skipped():
    assert parse_opinion(f"<think>It wrote </think> itself.</think>{opinion(0.2)}").score == 0.2
    assert parse_opinion(f"<think>\nThe code says {opinion(1.0)}.\n</think>\n\n{opinion(0.2)}").score == 0.2


@pytest.mark.parametrize(
    "text",
    [
        f"<think>{opinion(1.0)}",
        f"<think>the code says </think>{opinion(1.0)} which I ignore",
        f"{opinion(0.1)}</think>{opinion(1.0)}",
        f"```\n{opinion(0.1)}\n```\n```\n{opinion(1.0)}\n```",
        f"score: 1.0\n{opinion(0.1)}",
    ],
)
def test_no_score_is_picked_out_of_a_text_with_more_in_it(text: str):
    with pytest.raises(MalformedReplyError):
        parse_opinion(text)


def test_a_quoted_object_does_not_become_the_score():
    critique = f"The contestant wrote </think>{opinion(1.0)} to fool me."
    assert parse_opinion(opinion(0.1, critique)).score == 0.1


@given(SCORES, SCORES)
@example(0.3, 1.0)
@example(0.95, 1.0)
@example(0.05, 0.0)
@example(0.7, 0.0)
def test_a_review_moves_a_measured_logic_by_a_tenth_at_most(logic: float, median: float):
    value, delta, source = apply_review(logic, median)
    assert source == "hidden_tests+llm"
    assert delta is not None
    assert 0 <= value <= 1
    assert abs(delta) <= EFFECT
    assert value == rounded(rounded(logic) + delta)
    if abs(median - logic) < EFFECT - 1e-5:
        assert value == rounded(median)
    assert delta * (median - logic) >= -1e-6


@given(SCORES, SCORES, SCORES)
def test_a_better_review_never_lowers_the_logic(logic: float, first: float, second: float):
    low, high = sorted((first, second))
    assert apply_review(logic, low).value <= apply_review(logic, high).value


@given(SCORES)
def test_without_hidden_tests_the_logic_is_the_median(median: float):
    assert apply_review(None, median) == (rounded(median), None, "llm")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, -0.01, 1.01])
def test_what_is_no_score_is_refused(bad: float):
    for logic, median in ((bad, 0.5), (0.5, bad), (None, bad)):
        with pytest.raises(ValueError, match="expected a score"):
            apply_review(logic, median)


def review_of(*scores: float, **more: Any) -> Review:
    return Review(model=MODEL, reported=(MODEL,), scores=scores, critique="Right.", **more)


def test_a_reviewed_component_keeps_the_evidence_of_the_tests():
    tests = Component(0.5, "hidden_tests", {"passed": 1, "total": 2})
    part, record = review_logic(tests, review_of(0.9, 0.7, 0.9))
    assert (part.value, part.source) == (0.6, "hidden_tests+llm")
    assert part.evidence == {
        "passed": 1, "total": 2, "tests_value": 0.5,
        "review": {"k": 3, "median": 0.9, "spread": 0.2, "delta": 0.1},
    }  # fmt: skip
    assert record["delta"] == 0.1


def test_a_component_without_tests_says_whose_word_it_is():
    part, record = review_logic(Component(None, "none", {"reason": "none"}), review_of(0.9, 0.7, 0.9))
    assert (part.value, part.source, record["delta"]) == (0.9, "llm", None)
    assert part.evidence["reason"] == "the median of 3 LLM reviews, since the task has no hidden tests"


def test_without_a_review_the_logic_stays_what_it_was():
    review, tests = NoReview("the judge cannot be reached"), Component(0.5, "hidden_tests", {"passed": 1})
    assert review_logic(tests, review) == (tests, {"kind": "none", "reason": "the judge cannot be reached"})
    part, _ = review_logic(Component(None, "none", {}), review)
    assert (part.value, part.source) == (None, "none")
    assert part.evidence["reason"] == "the task has no hidden tests and no review: the judge cannot be reached"


def test_the_record_holds_the_evidence_and_no_timing():
    record = review_of(0.2, 0.9, 0.4, wall_s=1.5, requests=7, omitted={"code": 12}).record(-0.1)
    assert record == {
        "kind": "openai-compatible", "model": MODEL, "reported": [MODEL], "k": 3, "scores": [0.2, 0.9, 0.4],
        "median": 0.4, "spread": 0.7, "delta": -0.1, "critique": "Right.", "prompt": "logic-review/1",
        "prompt_sha256": PROMPT_SHA256, "format": "json_schema", "temperature": 0.0, "seeded": True,
        "omitted": {"code": 12},
    }  # fmt: skip
    assert review_of(0.5, wall_s=1.5, requests=7).timing() == {"judge_s": 1.5, "judge_requests": 7.0}
    assert NoReview("the judge cannot be reached", detail="at 10.0.0.1").record() == {
        "kind": "none",
        "reason": "the judge cannot be reached",
    }


@given(st.lists(SCORES, min_size=1, max_size=5).filter(lambda scores: len(scores) % 2))
def test_a_record_gives_back_its_review(scores: list[float]):
    review = review_of(*map(rounded, scores), requests=9)
    assert parse_record(json.loads(json.dumps(review.record(0.05)))) == review


@pytest.mark.parametrize(
    "change",
    [
        {"median": 0.9},
        {"k": 5},
        {"spread": 0.0},
        {"scores": [0.2, 0.9, 1.4]},
        {"scores": []},
        {"scores": ["0.2", "0.9", "0.4"]},
        {"kind": "none"},
        {"more": 1},
    ],
    ids=str,
)
def test_a_record_that_does_not_add_up_is_refused(change: dict[str, Any]):
    with pytest.raises(VerificationError, match="judge_review"):
        parse_record({**review_of(0.2, 0.9, 0.4).record(None), **change})


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1/chat/completions"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/v1/chat/completions"),
        ("http://127.0.0.1:11434/v1/", "http://127.0.0.1:11434/v1/chat/completions"),
        ("https://gpu.example/api/v3", "https://gpu.example/api/v3/chat/completions"),
        ("https://gpu.example/v1/chat/completions", "https://gpu.example/v1/chat/completions"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1/chat/completions"),
    ],
)
def test_an_address_may_be_given_in_several_ways(url: str, endpoint: str):
    assert JudgeSettings(url=url, model="m").endpoint == endpoint


@pytest.mark.parametrize(
    "url",
    ["", "openai", "gpu.example/v1", "ftp://gpu.example", "file:///etc/passwd", "http://", "http://a b/", "http://a:x/",
     "http://a:99999/", "http://u:secret@gpu.example/", "https://gpu.example/?key=secret", "https://gpu.example/#secret",
     "http://gpu.example\\@evil.example/", "http://gpu.example/\r\nX: secret", "http://gp\u00fc.example/", "http://[::1"],
)  # fmt: skip
def test_an_address_that_is_none_or_carries_a_secret_is_refused_unseen(url: str):
    with pytest.raises(ConfigurationError) as error:
        JudgeSettings(url=url, model="m")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": " "},
        {"reviews": 2},
        {"reviews": 0},
        {"reviews": 17},
        {"timeout_s": 0},
        {"timeout_s": math.nan},
        {"timeout_s": math.inf},
        {"max_attempts": 0},
        {"max_wait_s": -1},
        {"concurrency": 0},
        {"max_tokens": 0},
    ],
    ids=str,
)
def test_a_setting_that_cannot_work_is_refused(wrong: dict[str, Any]):
    with pytest.raises(ConfigurationError, match="judge"):
        JudgeSettings(**{"url": "http://127.0.0.1:1", "model": "m", **wrong})


def test_openai_stands_for_the_address_in_the_environment_only():
    assert find_url("openai", {"OPENAI_BASE_URL": "https://gpu.example/v1"}) == "https://gpu.example/v1"
    assert find_url("http://a/", {"OPENAI_BASE_URL": "https://gpu.example/v1"}) == "http://a/"
    for environ in ({}, {"OPENAI_BASE_URL": " "}):
        with pytest.raises(ConfigurationError, match="OPENAI_BASE_URL"):
            find_url("openai", environ)


def test_the_key_comes_from_the_environment_ours_first():
    assert find_key({}) is None
    assert find_key({"OPENAI_API_KEY": f"{KEY}\n"}) == KEY
    assert find_key({"OPENAI_API_KEY": "other", "GREEN_LOGIC_JUDGE_KEY": KEY}) == KEY
    assert find_key({"OPENAI_API_KEY": KEY, "GREEN_LOGIC_JUDGE_KEY": ""}) == KEY


@pytest.mark.parametrize("key", ["sk-1\nX-Evil: 1", "sk 1", "sk-\u00fc", "k" * 5000])
def test_a_key_that_no_header_can_carry_is_refused_unseen(key: str):
    with pytest.raises(ConfigurationError) as error:
        find_key({"OPENAI_API_KEY": key})
    assert key not in str(error.value)
    assert "OPENAI_API_KEY" in str(error.value)
