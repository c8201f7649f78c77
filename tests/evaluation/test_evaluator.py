"""From a battle to its result, through the real sandbox."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from green_logic.battle import Battle, parse_battle
from green_logic.errors import NotEvaluatedError
from green_logic.evaluation.embedding import open_embedder
from green_logic.evaluation.evaluator import Evaluator
from green_logic.evaluation.sandbox import Limits, Sandbox

SOURCE = '''
class Stack:
    """Last in, first out."""

    def __init__(self):
        self.items = []

    def push(self, item):
        self.items.append(item)

    def pop(self):
        return self.items.pop()
'''
OWN = "def test_push_and_pop():\n    stack = Stack()\n    stack.push(1)\n    assert stack.pop() == 1\n"
HIDDEN = """
import pytest
from solution import Stack

def test_order():
    stack = Stack()
    stack.push(1)
    stack.push(2)
    assert [stack.pop(), stack.pop()] == [2, 1]

@pytest.mark.parametrize("item", [0, None, "x"])
def test_any_item(item):
    stack = Stack()
    stack.push(item)
    assert stack.pop() is item

def test_empty():
    with pytest.raises(IndexError):
        Stack().pop()
"""
RATIONALE = (
    "Stack keeps its items in a list; push appends at the end and pop takes from there, so both are constant time."
)


def battle(**changes: Any) -> Battle:
    """A sound battle; a change names a field of the task, of the submission, or of the top level."""
    task = {
        "title": "Stack",
        "description": "Write a stack with push and pop.",
        "entry_points": ["Stack"],
        "hidden_tests": HIDDEN,
    }
    answer = {"sourceCode": SOURCE, "testCode": OWN, "rationale": RATIONALE}
    value: dict[str, Any] = {"battle_id": "b-1", "task": task, "purple_response": answer}
    for name, change in changes.items():
        home = (
            task
            if name in {"entry_points", "hidden_tests", "constraints", "description"}
            else answer
            if name in answer
            else value
        )
        home[name] = change
    return parse_battle(orjson.dumps(value))


@pytest.fixture(scope="module")
def evaluator() -> Iterator[Evaluator]:
    with Sandbox.open(workers=1, limits=Limits(wall_s=5)) as sandbox:
        yield Evaluator(open_embedder(), sandbox)


def judged(evaluator: Evaluator, **changes: Any) -> dict[str, Any]:
    return dict(evaluator.evaluate(battle(**changes))["evaluation"])


def test_a_sound_submission_scores_high_in_every_part(evaluator: Evaluator) -> None:
    evaluation = judged(evaluator)
    assert (evaluation["architecture_score"], evaluation["testing_score"], evaluation["logic_score"]) == (1.0, 1.0, 1.0)
    assert evaluation["coverage"] == 1.0
    assert evaluation["components"]["logic"]["evidence"]["functions"] == {
        "test_order": True,
        "test_any_item": True,
        "test_empty": True,
    }
    assert len(evaluation["intent_vector"]) == 384


def test_the_same_battle_gives_the_same_evidence(evaluator: Evaluator) -> None:
    first, second = evaluator.evaluate(battle()), evaluator.evaluate(battle())
    for result in (first, second):
        del result["timing"], result["sandbox_result"]
    assert orjson.dumps(first, option=orjson.OPT_SORT_KEYS) == orjson.dumps(second, option=orjson.OPT_SORT_KEYS)


def test_tests_that_notice_nothing_earn_nothing_and_are_told_where(evaluator: Evaluator) -> None:
    evaluation = judged(evaluator, testCode="def test_a():\n    assert True\n")
    mutation = evaluation["components"]["testing"]["evidence"]["mutation"]
    assert evaluation["testing_score"] == 0.0
    assert mutation["n"] == len(mutation["survivors"]) > 0
    assert f"they notice 0 of {mutation['n']} broken copies of the code; unnoticed: line" in evaluation["breakdown"]


def test_tests_that_know_the_source_by_heart_earn_nothing_and_are_told_why(evaluator: Evaluator) -> None:
    tests = f"import pathlib\ndef test_a():\n    assert pathlib.Path('solution.py').read_text() == {SOURCE!r}\n" + OWN
    evaluation = judged(evaluator, testCode=tests)
    assert evaluation["testing_score"] == 0.0
    assert "test_a fails on a copy that behaves the same and differs in its text and" in evaluation["breakdown"]
    assert judged(evaluator, testCode=OWN)["testing_score"] == 1.0


def test_a_flaky_test_is_named_and_counts_for_nothing(evaluator: Evaluator) -> None:
    tests = OWN + "import random\nSEEN = random.random()\ndef test_lucky():\n    assert SEEN > 0.5\n"
    evaluation = judged(evaluator, testCode=tests)
    mutation = evaluation["components"]["testing"]["evidence"]["mutation"]
    assert mutation["flaky"] == ["test_lucky"]
    assert evaluation["testing_score"] == 0.5
    assert "test_lucky sometimes pass on the same code" in evaluation["breakdown"]


def test_without_mutants_t_is_the_pass_rate_and_the_profile_says_so(evaluator: Evaluator) -> None:
    without = Evaluator(evaluator._embedder, evaluator._sandbox, mutants=0)
    result = without.evaluate(battle(testCode="def test_a():\n    assert True\n"))
    assert result["evaluation"]["testing_score"] == 1.0
    assert "mutation" not in result["evaluation"]["components"]["testing"]["evidence"]
    assert result["profile"]["id"] == evaluator.profile["id"] + "+nomutants"
    more = Evaluator(evaluator._embedder, evaluator._sandbox, mutants=16)
    assert more.profile["id"] == evaluator.profile["id"] + "+mutants-16"
    assert len({one.profile["sha256"] for one in (evaluator, without, more)}) == 3


def test_times_stay_out_of_the_evidence(evaluator: Evaluator) -> None:
    result = evaluator.evaluate(battle())
    assert result["timing"]["mutants_s"] > 0
    assert result["sandbox_result"]["cpu_s"]["mutants"] > 0
    evidence = json.dumps(result["evaluation"]["components"]["testing"])
    assert not any(word in evidence for word in ('_s"', "seconds", "wall"))


def test_one_failed_parameter_set_fails_its_hidden_test(evaluator: Evaluator) -> None:
    evaluation = judged(evaluator, sourceCode=SOURCE.replace("self.items.append(item)", "self.items.append(item or 7)"))
    assert evaluation["logic_score"] == pytest.approx(2 / 3, abs=1e-6)


@pytest.mark.parametrize(
    "ending",
    [
        "import os\nos._exit(0)",
        "raise SystemExit(0)",
        "import pytest\npytest.skip('no', allow_module_level=True)",
        "1/0",
    ],
)
def test_ending_the_run_early_gains_nothing(evaluator: Evaluator, ending: str) -> None:
    evaluation = judged(evaluator, sourceCode=SOURCE + ending)
    assert (evaluation["testing_score"], evaluation["logic_score"]) == (0.0, 0.0)


def test_printing_success_gains_nothing(evaluator: Evaluator) -> None:
    source = "print('3 passed')\nclass Stack:\n    pass\n"
    evaluation = judged(evaluator, sourceCode=source)
    assert (evaluation["testing_score"], evaluation["logic_score"]) == (0.0, 0.0)


def test_no_hidden_tests_is_unmeasured_never_a_half(evaluator: Evaluator) -> None:
    evaluation = judged(evaluator, hidden_tests=None)
    assert evaluation["logic_score"] is None
    assert evaluation["coverage"] == 0.75
    assert "unmeasured" in evaluation["breakdown"]


def test_what_the_submission_lacks_scores_zero(evaluator: Evaluator) -> None:
    evaluation = judged(evaluator, testCode="  ", rationale="")
    assert (evaluation["testing_score"], evaluation["rationale_score"]) == (0.0, 0.0)
    assert evaluation["coverage"] == 1.0


def test_source_that_does_not_parse_scores_zero_where_code_counts(evaluator: Evaluator) -> None:
    evaluation = judged(evaluator, sourceCode="class Stack(:\n")
    assert (evaluation["architecture_score"], evaluation["testing_score"], evaluation["logic_score"]) == (0.0, 0.0, 0.0)
    assert evaluation["intent_multiplier"] == 0.30


def test_an_empty_source_is_judged_not_refused(evaluator: Evaluator) -> None:
    evaluation = judged(evaluator, sourceCode="")
    assert evaluation["cis_score"] < 0.2
    assert evaluation["intent_code_similarity"] == 0.0


@pytest.mark.parametrize("source", ["", "\n \n", "# nothing\n", '"""A stack."""\n', "pass\n", '"""Doc."""\n...\n'])
def test_a_source_without_code_has_no_architecture(evaluator: Evaluator, source: str) -> None:
    evaluation = judged(evaluator, sourceCode=source)
    assert evaluation["architecture_score"] == 0.0
    assert "the source holds no code" in evaluation["breakdown"]


def test_one_statement_is_code(evaluator: Evaluator) -> None:
    assert judged(evaluator, sourceCode="Stack = list\n")["architecture_score"] == 1.0


def test_constraints_come_from_the_task_and_unknown_ones_are_recorded_as_unchecked(evaluator: Evaluator) -> None:
    evaluation = judged(
        evaluator, constraints={"forbidden_imports": ["os"], "must_be_elegant": True}, sourceCode="import os\n" + SOURCE
    )
    evidence = evaluation["components"]["architecture"]["evidence"]
    assert evaluation["architecture_score"] < 0.5
    assert len(evidence["violated"]) == 1
    assert evidence["unchecked"] == ["must_be_elegant"]


def test_red_findings_count_once_by_the_worst(evaluator: Evaluator) -> None:
    report = {"vulnerabilities": [{"severity": "low"}, {"severity": "high"}, {"severity": "high"}]}
    evaluation = judged(evaluator, red_report=report)
    assert evaluation["red_multiplier"] == 0.75
    assert evaluation["red_penalty_applied"] == 0.25


def test_prose_about_vulnerabilities_costs_nothing(evaluator: Evaluator) -> None:
    evaluation = judged(evaluator, red_report={"attack_summary": "no critical vulnerability found"})
    assert evaluation["red_multiplier"] == 1.0


@pytest.mark.parametrize(
    ("tests", "fault"),
    [
        ("x = 1\n", "no test function"),
        ("def test_a(:\n", "do not parse: line 1"),
        ("import numpy as np\n" + HIDDEN, "import numpy, which the sandbox does not have"),
    ],
)
def test_hidden_tests_that_cannot_judge_are_the_tasks_fault_not_a_zero(
    evaluator: Evaluator, tests: str, fault: str
) -> None:
    with pytest.raises(NotEvaluatedError, match=fault):
        evaluator.evaluate(battle(hidden_tests=tests))


def test_unknown_keys_are_kept_and_the_judges_own_cannot_be_supplied(evaluator: Evaluator) -> None:
    result = evaluator.evaluate(battle(evaluation={"cis_score": 1.0}, note="kept", profile={"id": "mine"}))
    assert result["note"] == "kept"
    assert result["input"] == {"evaluation": {"cis_score": 1.0}, "profile": {"id": "mine"}}
    assert result["profile"]["id"].startswith("cis-evidence/2")


def test_the_result_keeps_the_origins_names_and_the_inputs_digest(evaluator: Evaluator) -> None:
    one = battle()
    result = evaluator.evaluate(one)
    wanted = {"battle_id", "task", "purple_response", "red_report", "audit_result", "sandbox_result", "evaluation"}
    assert wanted <= result.keys()
    names = "rationale_score architecture_score testing_score logic_score cis_score breakdown red_penalty_applied"
    assert {*names.split(), "intent_code_similarity", "intent_vector"} <= result["evaluation"].keys()
    canonical = orjson.dumps(json.loads(one.canonical), option=orjson.OPT_SORT_KEYS)
    assert result["battle_sha256"] == hashlib.sha256(canonical).hexdigest()


def test_the_fallback_embedding_has_a_profile_of_its_own(evaluator: Evaluator) -> None:
    profile = evaluator.evaluate(battle())["profile"]["id"]
    assert profile in {"cis-evidence/2", "cis-evidence/2+hashed-384/1"}
    assert (profile == "cis-evidence/2") == (judged(evaluator)["embedder"]["weights_sha256"] != "")
