"""The formula: pure, bounded, and each signal counted once."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from green_logic.evaluation import cis

share = st.floats(0, 1)
TASK = "Write a cache that forgets the entry that was used least recently when it is full and a new one comes in"


def component(value: float | None) -> cis.Component:
    return cis.Component(value, "test", {})


def parts(*values: float | None) -> dict[str, cis.Component]:
    return dict(zip(cis.WEIGHTS, map(component, values), strict=True))


@given(st.floats(-1, 1), share, share)
def test_the_rationale_score_stays_in_bounds_and_grows_with_what_it_rewards(
    cosine: float, grounding: float, copied: float
) -> None:
    score = cis.rationale_score(cosine, grounding, copied)
    assert 0 <= score <= 1
    assert score <= cis.rationale_score(min(1.0, cosine + 0.1), grounding, copied)
    assert score <= cis.rationale_score(cosine, min(1.0, grounding + 0.1), copied)
    assert score >= cis.rationale_score(cosine, grounding, min(1.0, copied + 0.1))


def test_the_rationale_score_is_the_published_formula() -> None:
    assert cis.rationale_score(0.35, 1.0, 0.0) == pytest.approx(0.7 * 0.5 + 0.3)
    assert cis.rationale_score(0.60, 0.0, 0.0) == pytest.approx(0.7)
    assert cis.rationale_score(0.95, 1.0, 1.0) == 0.0
    assert cis.rationale_score(0.05, 0.5, 0.0) == pytest.approx(0.15)


def test_only_the_largest_penalty_counts_and_smells_are_capped() -> None:
    assert cis.architecture_score([], 0) == 1.0
    assert cis.architecture_score([0.3, 0.8, 0.5], 0) == pytest.approx(0.2)
    assert cis.architecture_score([0.5], 1) == pytest.approx(0.475)
    assert cis.architecture_score([], 4) == cis.architecture_score([], 400) == pytest.approx(0.8)


@given(st.integers(0, 50), st.integers(0, 50))
def test_a_pass_rate_is_a_share_and_nothing_to_pass_is_zero(passed: int, more: int) -> None:
    assert 0 <= cis.pass_rate(passed, passed + more) <= 1
    assert cis.pass_rate(0, 0) == 0.0


@given(share, share)
def test_t_grows_with_both_its_factors_and_is_nothing_without_either(rate: float, killed: float) -> None:
    score = cis.testing_score(rate, killed)
    assert 0 <= score <= min(rate, killed) + 1e-6
    assert score <= cis.testing_score(1.0, killed)
    assert score <= cis.testing_score(rate, 1.0)
    assert cis.testing_score(0.0, killed) == cis.testing_score(rate, 0.0) == 0.0
    assert cis.testing_score(2 / 3, 7 / 8) == 0.583333


def test_the_worst_finding_multiplies_once() -> None:
    assert cis.red_multiplier([]) == 1.0
    assert cis.red_multiplier(["info", "none"]) == 1.0
    assert cis.red_multiplier(["low", "high", "high", "medium"]) == 0.75
    assert cis.red_multiplier(["critical", "low"]) == 0.60


def test_missing_entry_points_cost_their_share_and_undeclared_ones_nothing() -> None:
    assert cis.intent_multiplier(0, 0) == 1.0
    assert cis.intent_multiplier(2, 0) == 1.0
    assert cis.intent_multiplier(2, 1) == pytest.approx(0.65)
    assert cis.intent_multiplier(2, 2) == pytest.approx(0.30)


def test_unmeasured_lowers_coverage_and_never_the_mean() -> None:
    whole, partly = cis.combine(parts(0.8, 0.6, 0.4, 0.2), 1, 1), cis.combine(parts(0.8, 0.6, 0.4, None), 1, 1)
    assert (whole.cis, whole.coverage) == (pytest.approx(0.5), 1.0)
    assert (partly.cis, partly.coverage) == (pytest.approx(0.6), 0.75)
    assert cis.combine(parts(0.8, 0.6, 0.4, 0.0), 1, 1).cis < partly.cis


@given(
    st.tuples(share, share, share, st.one_of(st.none(), share)), st.sampled_from([0.6, 0.75, 0.85, 0.95, 1.0]), share
)
def test_the_score_is_in_bounds_whatever_the_evidence(
    values: tuple[float | None, ...], red: float, intent: float
) -> None:
    verdict = cis.combine(parts(*values), red, intent)
    assert 0 <= verdict.cis <= verdict.mean <= 1
    assert math.isfinite(verdict.coverage)
    assert verdict == cis.combine(parts(*values), red, intent)


def test_a_copied_rationale_is_seen_whatever_case_and_punctuation() -> None:
    assert cis.copied_share(TASK, TASK) == 1.0
    assert cis.copied_share(TASK.upper().replace(" ", ", "), TASK) == 1.0
    assert cis.copied_share("I keep a list of keys in the order of their last use and drop the first one", TASK) == 0.0
    assert 0 < cis.copied_share(TASK + ". I keep the keys in a list and drop the first of them when needed", TASK) < 1


def test_a_rationale_of_a_few_words_is_copied_when_it_stands_in_the_task() -> None:
    assert cis.copied_share("used least recently", TASK) == 1.0
    assert cis.copied_share("an ordered dict", TASK) == 0.0
    assert cis.copied_share("", TASK) == 0.0


def test_grounding_needs_whole_names_and_at_most_three() -> None:
    names = ("Cache", "get", "put", "evict", "size")
    assert cis.grounding(names, "Cache has get and put") == 1.0
    assert cis.grounding(names, "Cache only") == pytest.approx(1 / 3)
    assert cis.grounding(names, "getting caches") == 0.0
    assert cis.grounding(("solve",), "solve it") == 1.0
    assert cis.grounding((), "anything") == 0.0


def test_the_profile_digest_covers_the_constants_and_the_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    before = cis.profile_digest({"embedder": "a"})
    assert before == cis.profile_digest({"embedder": "a"})
    assert before != cis.profile_digest({"embedder": "b"})
    monkeypatch.setattr(cis, "INTENT_FLOOR", 0.31)
    assert before != cis.profile_digest({"embedder": "a"})
