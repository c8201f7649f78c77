"""T from an examination: pass rate of the submission's own tests × share of the mutants that they notice."""

from __future__ import annotations

from green_logic.evaluation import cis
from green_logic.evaluation.definitions import count_test_functions
from green_logic.evaluation.mutation import budget, fates
from green_logic.evaluation.mutation.examination import CONFIRMATIONS, Examination
from green_logic.evaluation.run_evidence import describe_run
from green_logic.evaluation.testrun import TestRun

MUTANTS = 8  # each about 4 % of a battle's CPU; the share moves in steps that people can follow
# of what is broken (`operators`, `exemptions`) and hidden (`decoys`): one higher when a T may change by it
DEFINITION = 2
CONTROLS = ("text", "bytecode")
DIFFERING = {"text": "text and bytecode", "bytecode": "bytecode"}


def constants(mutants: int) -> dict[str, object]:
    """What decides about T and is no evidence: part of the profile's digest."""
    if not mutants:
        return {"mutants": 0}
    return {
        "mutants": mutants,
        "definition": DEFINITION,
        "controls": CONTROLS,
        "budget": [budget.BUDGET_CPU_S, budget.BUDGET_WALL_S, budget.FIRST_CPU_S, budget.MARGIN],
        "limits": [budget.SLOWER, budget.MORE_CPU_S, budget.MORE_WALL_S, budget.PATIENCE],
        "confirmations": CONFIRMATIONS,
        "seeds": budget.SEEDS,
    }


def profile_suffix(mutants: int) -> str:
    """What the profile's name says of another number of mutants: such scores are never averaged with these."""
    if mutants == MUTANTS:
        return ""
    return f"+mutants-{mutants}" if mutants else "+nomutants"


def judge_run(run: TestRun, tests: str) -> cis.Component:
    """T without mutants: the pass rate alone."""
    passed = sum(test.outcome == "passed" for test in run.outcomes)
    total = _count_tests(run, tests)
    return cis.Component(cis.pass_rate(passed, total), "own_tests", describe_run(run, passed, total))


def judge_examination(seen: Examination, tests: str) -> cis.Component:
    """T and its evidence, which holds no time and nothing else that differs between two honest examinations."""
    passed, total = len(seen.stable), _count_tests(seen.base, tests)
    killed = {fate: seen.count(fate) for fate in (fates.KILLED_ASSERT, fates.KILLED_CRASH, fates.KILLED_TIMEOUT)}
    counted = [fate for _, fate in seen.mutants if fate != fates.STILLBORN]
    reason = _find_reason(seen)
    share = sum(killed.values()) / len(counted) if counted and not reason else 0.0
    evidence = {
        "n": len(counted),
        **killed,
        "survivors": sorted(
            ({"line": item.line, "operator": item.name} for item, fate in seen.mutants if fate == fates.SURVIVED),
            key=lambda survivor: (survivor["line"], survivor["operator"]),
        ),
        "not_run": seen.count(fates.NOT_RUN),
        "stillborn": seen.count(fates.STILLBORN),
        "controls": {name: _describe_control(test) for name, test in seen.controls.items()},
        "flaky": list(seen.flaky),
        **({"exhausted": seen.exhausted} if seen.exhausted else {}),
        **({"reason": reason} if reason else {}),
    }
    value = cis.testing_score(passed / total if total else 0.0, share)
    return cis.Component(value, "own_tests", {**describe_run(seen.base, passed, total), "mutation": evidence})


def _describe_control(culprit: str | None) -> str:
    if culprit is None:
        return "not run to the end"
    return f"fails {culprit}" if culprit else "passes"


def _find_reason(seen: Examination) -> str:
    """Why T is 0 whatever else was seen; empty if it is not."""
    if seen.fault:
        return seen.fault
    if not seen.stable:
        return "no test passes each time, so none can notice anything"
    # the control that differs in less says more
    for name, test in reversed(seen.controls.items()):
        if test != "":
            return _accuse(name, test)
    # code hidden where nothing is mutated, such as in annotations, must not make `assert True` a good test
    if not seen.mutants:
        return "nothing in the source can be broken, so nothing shows that the tests would notice it"
    if all(fate == fates.STILLBORN for _, fate in seen.mutants):
        return "no broken copy of the source can be imported, so the tests were never asked"
    return ""


def _accuse(control: str, culprit: str | None) -> str:
    if culprit is None:
        return f"the time of a battle was used up before its tests had shown that they pass on the {control} control"
    return f"{culprit} fails on a copy that behaves the same and differs in its {DIFFERING[control]} only"


def _count_tests(run: TestRun, tests: str) -> int:
    # a run that was cut short has at least one test that did not pass, and every test the file defines counts
    return max(len(run.outcomes) + (run.ended != "finished"), len(count_test_functions(tests)))
