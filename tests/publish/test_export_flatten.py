"""Flattening: takes what is there with the right type, leaves the rest null, never raises, never guesses."""

from __future__ import annotations

import math
from collections import namedtuple
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from green_logic.publish import flatten as module
from green_logic.publish.flatten import Result, parse_result
from green_logic.publish.flatten import flatten as flatten_columns

Flat = namedtuple("Flat", flatten_columns([]))


def flatten(raw: bytes) -> Any:
    """The flat values of one result."""
    return row_of(parse_result(raw))


def row_of(result: Result) -> Any:
    return Flat(**{name: values[0] for name, values in flatten_columns([result]).items()})


NAMES = [
    "evaluation",
    "task",
    "participant",
    "profile",
    "components",
    "testing",
    "logic",
    "evidence",
    "passed",
    "total",
    "id",
    "title",
    "agent",
    "model",
    "judge",
    "rationale_score",
    "red_multiplier",
    "intent_code_similarity",
    "intent_vector",
]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=3)), inner)
    ),
    max_leaves=25,
)


@settings(max_examples=300, deadline=None)
@given(JSON)
def test_any_json_result_is_flattened(value: Any) -> None:
    check_types(flatten(msgspec.json.encode(value)))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_flattened(data: bytes) -> None:
    check_types(flatten(data))


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), JSON))
def test_the_lenient_reading_agrees_with_the_typed_one(value: dict[str, Any]) -> None:
    raw = msgspec.json.encode(value)
    try:
        typed = module._decode(raw)
    except msgspec.ValidationError:
        return
    assert same(row_of(typed), row_of(module._decode_leniently(raw)))


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"7", b"null", b'"text"', b"[" * 100_000, b'{"a":' * 100_000, b'{"task":{"id":"\xff"}}', b'{"a":NaN}'],
)
def test_what_is_no_result_has_no_values(raw: bytes) -> None:
    assert flatten(raw) == Flat(*[None] * len(Flat._fields))


def test_one_wrong_type_costs_only_its_own_column() -> None:
    good = {"rationale_score": 0.5, "judge": "none", "red_multiplier": 1, "testing_score": True, "logic_score": "0.7"}
    flat = flatten(orjson.dumps({"evaluation": good, "task": {"id": 7, "title": "T"}, "participant": ["x"]}))
    assert (flat.rationale_score, flat.judge, flat.red_penalty_applied, flat.task_title) == (0.5, "none", 1.0, "T")
    assert (flat.testing_score, flat.logic_score, flat.task_id, flat.agent) == (None, None, None, None)


def test_the_share_taken_off_is_never_mistaken_for_the_factor() -> None:
    assert flatten(b'{"evaluation":{"red_penalty_applied":0.25}}').red_penalty_applied is None
    both = b'{"evaluation":{"red_penalty_applied":0.25,"red_multiplier":0.75}}'
    assert flatten(both).red_penalty_applied == 0.75


def test_a_result_without_an_evaluation_is_one_itself() -> None:
    # as seal_result reads it
    assert flatten(b'{"rationale_score":0.5,"evaluation":null}').rationale_score == 0.5


@pytest.mark.parametrize(
    "text", ["null", "[]", "[1]", f"[{'0.1,' * 384}0.1]", f"[{'0.1,' * 383}true]", f"[{'0.1,' * 383}1e39]", '"x"', "{}"]
)
def test_only_384_finite_single_floats_are_a_vector(text: str) -> None:
    assert flatten(b'{"evaluation":{"intent_vector":%b}}' % text.encode()).v_intent is None


@pytest.mark.parametrize(
    ("testing", "logic", "expected"),
    [
        ((3, 4), (2, 2), (5, 1)),
        ((3, 4), None, (3, 1)),
        (None, (0, 5), (0, 5)),
        (None, None, (None, None)),
        ((5, 4), (1, 1), (None, None)),
        ((-1, 4), None, (None, None)),
        ((1, 2**31), None, (None, None)),
        ((1.0, 2), (1, 1), (1, 0)),
    ],
)
def test_tests_are_counted_where_both_numbers_are_there(testing: Any, logic: Any, expected: Any) -> None:
    parts = {"testing": testing, "logic": logic}
    components = {
        name: {"evidence": {"passed": part[0], "total": part[1]}} if part else {"evidence": {"reason": "none"}}
        for name, part in parts.items()
    }
    flat = flatten(orjson.dumps({"evaluation": {"components": components}}))
    assert (flat.tests_passed, flat.tests_failed) == expected


def check_types(flat: Flat) -> None:
    for value in flat[:6]:
        assert value is None or (type(value) is float and math.isfinite(value))
    assert all(value is None or type(value) is str for value in flat[6:12])
    assert all(value is None or (type(value) is int and 0 <= value < 2**31) for value in flat[12:14])
    assert flat.v_intent is None or (len(flat.v_intent) == 384 and flat.v_intent.typecode == "f")


def same(one: Flat, other: Flat) -> bool:
    return one[:-1] == other[:-1] and one.v_intent == other.v_intent
