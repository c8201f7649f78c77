"""Two JSON values against each other."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from green_logic.differences import LIMIT, find_differences, furthest_apart

leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    leaves | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(values, values)
def test_two_values_differ_exactly_when_their_texts_do(one, other):
    same = orjson.dumps(one, option=orjson.OPT_SORT_KEYS) == orjson.dumps(other, option=orjson.OPT_SORT_KEYS)
    assert (find_differences(one, other) == []) == same


@given(values)
def test_a_value_does_not_differ_from_its_copy(value):
    assert find_differences(value, orjson.loads(orjson.dumps(value))) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 1.0), (1, True), (0, False), (0.0, -0.0), (None, False), ("1", 1), ([], {}), ([], None), ("", None)],
)
def test_what_python_takes_for_equal_is_still_another_value(one, other):
    (found,) = find_differences({"a": one}, {"a": other})
    assert found.path == "a"


def test_the_score_comes_first_and_other_scores_next():
    recorded = {
        "evaluation": {"cis_score": 1.0, "logic_score": 1.0, "breakdown": "x", "a": 1},
        "audit_result": {"valid": True},
    }
    found = {
        "evaluation": {"cis_score": 0.5, "logic_score": 0.5, "breakdown": "y", "a": 2},
        "audit_result": {"valid": False},
    }
    paths = [item.path for item in find_differences(recorded, found)]
    assert paths[:2] == ["evaluation.cis_score", "evaluation.logic_score"]
    assert len(paths) == 5


def test_paths_can_be_copied_into_jq():
    recorded, found = {"tests": {"T::a[0]": [1, {"b": 2}]}}, {"tests": {"T::a[0]": [1, {"b": 3}]}}
    assert [item.path for item in find_differences(recorded, found)] == ['tests["T::a[0]"][1].b']


def test_what_is_only_on_one_side_is_told():
    (found,) = find_differences({"a": [1]}, {"a": [1, 2]})
    assert found == ("a[1]", "nothing", "2")
    (found,) = find_differences({"a": 1}, {})
    assert found == ("a", "1", "nothing")


def test_a_vector_is_one_difference_with_its_extent():
    vector = [0.5] * 384
    (found,) = find_differences({"v": vector}, {"v": [*vector[:-1], 0.625]})
    assert found == ("v", "384 numbers", "1 of them others, by up to 0.125")
    assert furthest_apart(vector, [*vector[:-1], 0.625]) == 0.125


@pytest.mark.parametrize("other", [None, "x", [0.5] * 383, ["a"] * 384, {}])
def test_what_is_no_vector_is_infinitely_far_from_one(other):
    assert furthest_apart([0.5] * 384, other) == float("inf")


def test_no_pair_of_values_makes_an_endless_list():
    assert len(find_differences({str(n): 0 for n in range(5000)}, {str(n): 1 for n in range(5000)})) == LIMIT


def test_untrusted_text_cannot_reach_a_terminal():
    (found,) = find_differences({"\x1b[2J": "\x1b[2J"}, {"\x1b[2J": "x" * 1000})
    assert all(text.isprintable() and len(text) < 200 for text in found)
