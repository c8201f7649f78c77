"""What a battle may look like, and how each thing that it may not look like is named."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from green_logic.battle import BATTLE_ID, SEVERITIES, Battle, check_battle_id, parse_battle
from green_logic.errors import InvalidBattleError

ABSENT = object()
VALID: dict[str, Any] = {
    "battle_id": "b-1",
    "task": {"id": "t-1", "title": "Adder", "description": "Add two numbers.", "constraints": {}, "hidden_tests": None},
    "purple_response": {"sourceCode": "def add(a, b):\n    return a + b\n", "testCode": "", "rationale": "because"},
    "participant": {"agent": "purple", "model": "m"},
    "red_report": {"vulnerabilities": []},
}


def changed(path: str, value: object) -> bytes:
    """The line of a valid battle with one thing changed; ABSENT takes it away."""
    battle = copy.deepcopy(VALID)
    *parents, name = path.split(".")
    place = battle
    for parent in parents:
        place = place[parent]
    if value is ABSENT:
        del place[name]
    else:
        place[name] = value
    return json.dumps(battle).encode()


WRONG_FIELDS = [
    ("battle_id", ABSENT, "battle_id: expected 1 to 128 .* got nothing"),
    ("task", ABSENT, "task: missing"),
    ("task", None, "task: .*got null"),
    ("task", [], "task: .*got a list"),
    ("task", "Adder", "task: .*got 'Adder'"),
    ("task.description", ABSENT, "task.description: missing"),
    ("task.description", "", "task.description: expected more than white space, got ''"),
    ("task.description", " \n\t", r"task.description: expected more than white space"),
    ("task.description", None, "task.description: .*got null"),
    ("task.description", 7, "task.description: .*string, got 7"),
    ("task.description", ["x"], "task.description: .*got a list"),
    ("task.description", {"a": 1}, "task.description: .*got an object"),
    ("task.description", True, "task.description: .*got true"),
    ("task.description", "a\0b", r"task.description: expected text without NUL characters, got 'a\\x00b'"),
    ("task.id", 7, "task.id: .*string, got 7"),
    ("task.title", None, "task.title: .*string, got null"),
    ("task.title", {"$ne": 1}, "task.title: .*got an object"),
    ("task.entry_points", "add", "task.entry_points: .*list, got 'add'"),
    ("task.entry_points", ["add", 1], "task.entry_points.1: .*string, got 1"),
    ("task.hidden_tests", ["def test(): ..."], "task.hidden_tests: .*got a list"),
    ("task.constraints", [], "task.constraints: .*got a list"),
    ("task.constraints", None, "task.constraints: .*got null"),
    ("task.constraints", {"forbidden_imports": "os"}, "forbidden_imports.*expected a list of module names, got 'os'"),
    ("task.constraints", {"allowed_imports": ["os", 1]}, "allowed_imports.*expected a list of module names"),
    ("task.constraints", {"required_imports": None}, "required_imports.*expected a list of module names, got null"),
    ("task.constraints", {"require_recursion": "yes"}, "require_recursion.*expected true or false, got 'yes'"),
    ("task.constraints", {"forbid_loops": 1}, "forbid_loops.*expected true or false, got 1"),
    ("task.constraints", {"require_\x1b[2J": 1}, r"require_\\x1b\[2J.*expected true or false"),
    ("purple_response", ABSENT, "purple_response: missing"),
    ("purple_response", None, "purple_response: .*got null"),
    ("purple_response", [], "purple_response: .*got a list"),
    ("purple_response", "x = 1", "purple_response: .*got 'x = 1'"),
    ("purple_response.sourceCode", ABSENT, "purple_response.sourceCode: missing"),
    ("purple_response.sourceCode", None, "purple_response.sourceCode: .*got null"),
    ("purple_response.sourceCode", 1, "purple_response.sourceCode: .*string, got 1"),
    ("purple_response.sourceCode", ["x"], "purple_response.sourceCode: .*got a list"),
    ("purple_response.sourceCode", {"x": 1}, "purple_response.sourceCode: .*got an object"),
    ("purple_response.sourceCode", "x = '\0'", "purple_response.sourceCode: .*NUL"),
    ("purple_response.source_code", "y = 2", "purple_response: expected sourceCode or source_code, got both"),
    ("purple_response.test_code", "", "purple_response: expected testCode or test_code, got both"),
    ("purple_response.testCode", None, "purple_response.testCode: .*got null"),
    ("purple_response.rationale", ["because"], "purple_response.rationale: .*got a list"),
    ("participant", "me", "participant: .*got 'me'"),
    ("participant.agent", 5, "participant.agent: .*string, got 5"),
    ("participant.model", False, "participant.model: .*string, got false"),
    ("red_report", [], "red_report: .*got a list"),
    ("red_report.vulnerabilities", {}, "red_report.vulnerabilities: .*got an object"),
    ("red_report.vulnerabilities", ["sql"], "red_report.vulnerabilities.0: .*got 'sql'"),
    ("red_report.vulnerabilities", [{}], "red_report.vulnerabilities.0.severity: missing"),
    ("red_report.vulnerabilities", [{"severity": None}], "vulnerabilities.0.severity: .*got null"),
    ("red_report.vulnerabilities", [{"severity": "HIGH"}], "vulnerabilities.0.severity: .*'high'.*got 'HIGH'"),
    ("red_report.vulnerabilities", [{"severity": "catastrophic"}], "severity: .*got 'catastrophic'"),
    ("red_report.vulnerabilities", [{"severity": "low", "line_number": "3"}], "line_number: .*integer, got '3'"),
]
WRONG_IDS = [
    *(
        "../../etc/x",
        "x/../../x",
        "/abs",
        "a/b",
        "a\\b",
        "",
        ".",
        "..",
        ".hidden",
        "-rf",
        "_x",
        " ",
        "a b",
        "a\n",
        "\na",
    ),
    *("a\0", "a\x1b[2J", "a" * 129, "\U0001f600", "a\u202eb", "\u0430bc", "e\u0301", "\uff11", "*", "~", "a;b", "<a>"),
    *("=cmd|x", "[red]", 1, 1.5, True, None, [], ["a"], {}, {"a": 1}),
]


def refusal(line: bytes, **limits: int) -> str:
    """Why a line is refused, as a person at a terminal reads it."""
    with pytest.raises(InvalidBattleError) as caught:
        parse_battle(line, **limits)
    message = caught.value.message
    assert message.isprintable()
    assert len(message) < 400
    return message


@pytest.mark.parametrize(("path", "value", "reason"), WRONG_FIELDS)
def test_a_wrong_field_is_named_with_what_was_expected_and_found(path: str, value: object, reason: str):
    import re

    assert re.search(reason, refusal(changed(path, value)))


@pytest.mark.parametrize("value", WRONG_IDS)
def test_an_id_that_is_no_safe_file_name_is_refused(value: object):
    assert refusal(changed("battle_id", value)).startswith("battle_id: expected 1 to 128 of A-Z a-z 0-9 . _ - ")
    with pytest.raises(InvalidBattleError):
        check_battle_id(value)


@pytest.mark.parametrize("value", ["a", "0", "A.b_c-d", "a" * 128, "CON", "lru-0007", "a..b", "a."])
def test_an_ordinary_id_is_taken_as_it_is(value: str):
    assert parse_battle(changed("battle_id", value)).battle_id == value


@pytest.mark.parametrize(
    "path",
    [
        "task.description",
        "task.hidden_tests",
        "purple_response.sourceCode",
        "purple_response.testCode",
        "purple_response.rationale",
    ],
)
def test_a_text_is_measured_in_bytes_and_refused_one_byte_over_the_limit(path: str):
    assert parse_battle(changed(path, "é" * 32), max_source_bytes=64)
    assert refusal(changed(path, "é" * 32 + "x"), max_source_bytes=64) == f"{path}: expected at most 64 bytes, got 65"


def test_of_several_wrong_fields_the_first_is_named():
    assert refusal(b'{"battle_id":"x"}') == "task: missing"


def test_a_battle_needs_only_an_id_a_task_and_a_source():
    line = b'{"battle_id":"b","task":{"description":"d"},"purple_response":{"sourceCode":""}}'
    battle = parse_battle(line)
    assert (battle.task.title, battle.submission.test_code, battle.record.participant) == ("", "", None)


def test_both_spellings_of_source_and_tests_are_read():
    line = b'{"battle_id":"b","task":{"description":"d"},"purple_response":{"source_code":"s","test_code":"t"}}'
    submission = parse_battle(line).submission
    assert (submission.source_code, submission.test_code) == ("s", "t")


@pytest.mark.parametrize("severity", SEVERITIES)
def test_every_severity_is_known(severity: str):
    battle = parse_battle(changed("red_report.vulnerabilities", [{"severity": severity}]))
    assert battle.record.red_report is not None
    assert battle.record.red_report.vulnerabilities[0].severity == severity


@pytest.mark.parametrize("number", [0, -1, -(2**63), 2**64 - 1, 1e308, 5e-324, -0.0, 0.1])
def test_numbers_that_all_json_tools_agree_on_are_kept(number: float):
    battle = parse_battle(changed("extra", number))
    assert repr(battle.value["extra"]) == repr(number)
    assert repr(orjson.loads(battle.canonical)["extra"]) == repr(number)


@pytest.mark.parametrize("name", ["__class__", "model_dump", "canonical", "task_", "", "\u202e", "$ref"])
def test_unknown_keys_are_kept_and_change_nothing_else(name: str):
    for place in ("", "task.", "purple_response.", "participant."):
        battle = parse_battle(changed(place + (name or "''"), {"x": [1]}))
        assert b'{"x":[1]}' in battle.canonical
        assert battle.submission.source_code == VALID["purple_response"]["sourceCode"]


def test_an_attackers_key_cannot_stand_in_for_an_attribute():
    battle = parse_battle(changed("task.__dict__", {"description": "another"}))
    assert battle.task.description == "Add two numbers."


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
PLACES = [
    *("battle_id", "task", "task.description", "task.constraints", "task.entry_points", "task.hidden_tests", "extra"),
    *("purple_response", "purple_response.sourceCode", "purple_response.rationale", "participant", "red_report"),
    *("red_report.vulnerabilities", "task.extra"),
]


def parse_or_refuse(line: bytes) -> Battle | None:
    try:
        return parse_battle(line)
    except InvalidBattleError as error:
        assert error.message.isprintable()
        return None


@given(st.binary(max_size=300))
@examples(deadline=None, database=None, max_examples=150)
def test_arbitrary_bytes_are_refused_and_nothing_else(data: bytes):
    assert parse_or_refuse(data) is None


@given(JSON)
@examples(deadline=None, database=None, max_examples=150)
def test_arbitrary_json_is_refused_and_nothing_else(value: object):
    assert parse_or_refuse(json.dumps(value).encode()) is None


@given(st.sampled_from(PLACES), JSON)
@examples(deadline=None, database=None, max_examples=300)
def test_arbitrary_json_in_any_place_is_a_battle_or_a_refusal(path: str, value: object):
    battle = parse_or_refuse(changed(path, value))
    if battle is not None:
        assert BATTLE_ID.fullmatch(battle.battle_id)
        assert battle.task.description.strip()
        assert parse_battle(battle.canonical).sha256 == battle.sha256


@given(st.binary(min_size=1, max_size=3), st.integers(0, 400))
@examples(deadline=None, database=None, max_examples=200)
def test_a_damaged_line_is_a_battle_or_a_refusal(noise: bytes, position: int):
    line = changed("extra", 1)
    parse_or_refuse(line[:position] + noise + line[position + len(noise) :])


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers(-9, 9)), st.randoms())
@examples(deadline=None, database=None, max_examples=150)
def test_order_of_keys_white_space_and_escapes_do_not_make_another_battle(extra: dict[str, int], source: random.Random):
    value = {**VALID, "extra": extra}
    forms = [
        json.dumps(value),
        json.dumps(shuffled(value, source), ensure_ascii=False),
        json.dumps(shuffled(value, source), indent=1).replace("\n", " "),
    ]
    assert len({parse_battle(form.encode()).sha256 for form in forms}) == 1


@pytest.mark.parametrize("other", [2, 1.5, "1", True, None, [1], {"1": 1}])
def test_another_value_makes_another_battle(other: object):
    assert parse_battle(changed("extra", 1)).sha256 != parse_battle(changed("extra", other)).sha256


def shuffled(value: Any, source: random.Random) -> Any:
    """The same JSON value with its keys in another order, all the way down."""
    if not isinstance(value, dict):
        return value
    names = list(value)
    source.shuffle(names)
    return {name: shuffled(value[name], source) for name in names}
