"""Keys that look misspelt."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from green_logic import spelling
from green_logic.battle import SPELLINGS, BattleRecord, Participant, RedReport, Submission, Task
from green_logic.evaluation import constraints
from green_logic.spelling import find_misspelt

GOOD: dict[str, Any] = {
    "battle_id": "b",
    "task": {"id": "t", "description": "d", "hidden_tests": "x", "constraints": {"forbid_loops": True}},
    "purple_response": {"sourceCode": "x", "testCode": "y", "rationale": "z"},
    "participant": {"agent": "a", "model": "m"},
    "red_report": {"vulnerabilities": []},
}


def with_key(path: str, name: str, *, without: str = "") -> dict[str, Any]:
    value = copy.deepcopy(GOOD)
    home = value
    for step in path.split(".") if path else ():
        home = home[step]
    home.pop(without, None)
    home[name] = "x"
    return value


@pytest.mark.parametrize(
    ("path", "name", "meant"),
    [
        ("task", "hiddenTests", "hidden_tests"),
        ("task", "hidden-tests", "hidden_tests"),
        ("task", "tests", "hidden_tests"),
        ("task", "hidden_test", "hidden_tests"),
        ("task", "constraint", "constraints"),
        ("task", "entryPoints", "entry_points"),
        ("purple_response", "source", "sourceCode"),
        ("purple_response", "sourcecode", "sourceCode"),
        ("purple_response", "test", "testCode"),
        ("purple_response", "rational", "rationale"),
        ("participant", "modle", "model"),
        ("red_report", "vulnerability", "vulnerabilities"),
        ("", "participants", "participant"),
        ("", "red_reports", "red_report"),
    ],
)
def test_a_misspelt_key_is_told_with_what_was_meant(path: str, name: str, meant: str) -> None:
    (found,) = find_misspelt(with_key(path, name, without=meant))
    assert found.startswith(f"{path}.{name}: " if path else f"{name}: ")
    assert found.endswith(f"did you mean {meant}?")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("", "origin"),
        ("", "meta"),
        ("", "timestamp"),
        ("task", "difficulty"),
        ("task", "author"),
        ("participant", "team"),
    ],
)
def test_keys_of_ones_own_are_nobodys_misspelling(path: str, name: str) -> None:
    assert list(find_misspelt(with_key(path, name))) == []


def test_a_key_beside_the_one_it_looks_like_is_one_of_its_own() -> None:
    assert list(find_misspelt(with_key("task", "hidden_tests_2"))) == []
    assert list(find_misspelt(GOOD)) == []


def test_an_unknown_constraint_is_told_in_any_case() -> None:
    (close,) = find_misspelt(with_key("task.constraints", "forbidden_import"))
    assert close.endswith("did you mean forbidden_imports?")
    (far,) = find_misspelt(with_key("task.constraints", "must_be_elegant"))
    assert far == "task.constraints.must_be_elegant: no such constraint, recorded as unchecked"


@given(st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_no_value_breaks_it_and_no_sentence_reaches_a_terminal(part: object) -> None:
    for name in ("task", "purple_response", "participant", "red_report", "x"):
        for text in find_misspelt({**GOOD, name: part}):
            assert text.isprintable()
            assert len(text) < 300


def test_the_names_are_those_of_the_contract_and_of_the_judge() -> None:
    models = {"": BattleRecord, "task": Task, "purple_response": Submission, "participant": Participant}
    for part, model in {**models, "red_report": RedReport}.items():
        spellings = SPELLINGS if model is Submission else {}
        assert set(spelling.NAMES[part]) == {*model.__struct_encode_fields__, *spellings}
    assert set(spelling.CONSTRAINTS) == set(constraints._RULES)
