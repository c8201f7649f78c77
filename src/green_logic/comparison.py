"""A recorded result against what judging the battle again gave: equal, or what differs and what that means.

`timing` and `sandbox_result` are no evidence, and `evaluator` names the version that judged. Where only the outcome of
test runs differs and the runs disagree among themselves, or ran under other limits, or the record itself says that its
tests raced, nobody can say who is right; that is never called a difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from green_logic import __version__
from green_logic.differences import Difference, find_differences, furthest_apart
from green_logic.evaluation.judge.recorded import RecordedReviewer
from green_logic.proof.dbom import evidence_digest, find_evidence
from green_logic.recorded import Row
from green_logic.strict_json import excerpt

Outcome = Literal[
    "equal",
    "same_score",  # of every test too; only texts of failures differ, and they vary from run to run
    "differs",
    "unrepeatable",
    "other_profile",
    "not_judged_here",
    "not_evaluated",
    "failed",
]
VECTOR = "evaluation.intent_vector"
VECTOR_TOLERANCE = 1e-6  # of a number of v_intent: another kind of CPU adds in another order, and the score rounds
_TEXTS = (
    "evaluation.breakdown",
    "evaluation.components.logic.evidence.messages",
    "evaluation.components.testing.evidence.messages",
)
# the parts of a result that runs of the submission have a say in
_OF_RUNS = tuple(
    f"evaluation.{name}"
    for name in (
        "breakdown",
        "cis_score",
        "components.logic",
        "components.testing",
        "judge_review.delta",
        "logic_score",
        "testing_score",
    )
)
# those that a race of the submission's own tests has a say in, and the scores that it can only have lowered
_OF_OWN_TESTS = tuple(
    f"evaluation.{name}" for name in ("breakdown", "cis_score", "components.testing", "testing_score")
)
_LOWERED = ("cis_score", "testing_score")


@dataclass(frozen=True)
class Verdict:
    """What judging one recorded battle again has shown. `recomputed` is None where there is no second score."""

    battle_id: str
    outcome: Outcome
    score: float | None = None
    recomputed: float | None = None
    reason: str = ""
    hint: str = ""
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True)
class Case:
    """A row whose `raw_result` could be parsed, and what is wrong with the row itself."""

    row: Row
    result: dict[str, Any]
    faults: tuple[Difference, ...] = ()

    def verdict(
        self,
        outcome: Outcome,
        reason: str = "",
        *,
        hint: str = "",
        found: Mapping[str, Any] | None = None,
        differences: Sequence[Difference] = (),
    ) -> Verdict:
        """A faulty row differs, whatever else is to be said about it."""
        return Verdict(
            self.row.battle_id,
            "differs" if self.faults else outcome,
            self.row.score,
            None if found is None else found["evaluation"]["cis_score"],
            reason,
            hint,
            (*self.faults, *differences),
        )


def compare(case: Case, found: Sequence[dict[str, Any]], conditions: Mapping[str, Any]) -> Verdict:
    """The verdict after the results `found` of judging a battle again under the profile of its record.

    `conditions` is what bound the test runs now, as `sandbox_result` has it.
    """
    last = found[-1]
    differences = _differences(case.result, last)
    if not differences:
        reason = "" if len(found) == 1 else f"the tests vary from run to run; equal at run {len(found)}"
        return case.verdict("equal", reason, found=last)
    if _is_rounding(case.result, last, differences):
        reason = f"v_intent differs by less than {VECTOR_TOLERANCE:g} a number, as it does on another kind of CPU"
        return case.verdict("equal", reason, found=last, differences=())
    doubt = _doubt(case.result, found, conditions) if all(map(is_of_runs, differences)) else ""
    if all(item.path.startswith(_OF_OWN_TESTS) for item in differences):
        doubt = doubt or _find_race(case.result["evaluation"], last["evaluation"])
    if doubt and all(item.path.startswith(_TEXTS) for item in differences):
        return case.verdict("same_score", doubt, found=last, differences=differences)
    return case.verdict("unrepeatable" if doubt else "differs", doubt, found=last, differences=differences)


def compare_profiles(case: Case, found: dict[str, Any], reason: str) -> Verdict:
    """The verdict after judging a battle under another profile than its record's: it says nothing about the record."""
    differences = [item for item in _differences(case.result, found) if not item.path.startswith("profile")]
    return case.verdict("other_profile", f"{reason}; computed all the same", found=found, differences=differences)


def is_equal(case: Case, found: Mapping[str, Any]) -> bool:
    """Whether the digest over the evidence is that of the record."""
    return evidence_digest(found) == evidence_digest(case.result)


def is_decided(case: Case, found: Mapping[str, Any]) -> bool:
    """Whether judging once more could not change the verdict, since no test run has a say in what differs."""
    return not all(map(is_of_runs, _differences(case.result, found)))


def is_of_runs(difference: Difference) -> bool:
    """Whether runs of the submission have a say in a part of a result."""
    return difference.path.startswith(_OF_RUNS)


def explain_profile(
    result: Mapping[str, Any], own: Mapping[str, str], reviewer: RecordedReviewer | None
) -> tuple[str, str]:
    """Why a record cannot be compared with this judge's scores, and what to do about it."""
    profile, evaluator = (_as_object(result.get(name)) for name in ("profile", "evaluator"))
    there, here = (f"{item.get('id')} ({str(item.get('sha256'))[:12]}...)" for item in (profile, own))
    reason = f"judged under profile {excerpt(there)}, this judge has {excerpt(here)}"
    if "+hashed" in own["id"] and "+hashed" not in str(profile.get("id")):
        return reason, "fetch the embedding weights that it was judged with: green-logic models fetch"
    if reviewer is not None and not reviewer.is_known:
        return reason, "its record names no reviewer: add --judge-model NAME, and --judge-reviews K unless it was 3"
    version = evaluator.get("version")
    # a definition that changed before a release has no version of its own
    other = f"the other state of {__version__}" if version == __version__ else f"green-logic {excerpt(version)}"
    return reason, f"use {other}, which judged it, or --any-profile to compute all the same"


def _as_object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _differences(recorded: Mapping[str, Any], found: Mapping[str, Any]) -> list[Difference]:
    return find_differences(find_evidence(recorded), find_evidence(found)) if recorded != found else []


def _is_rounding(recorded: Mapping[str, Any], found: Mapping[str, Any], differences: Sequence[Difference]) -> bool:
    if [item.path for item in differences] != [VECTOR]:
        return False
    apart = furthest_apart(recorded["evaluation"]["intent_vector"], found["evaluation"]["intent_vector"])
    return apart <= VECTOR_TOLERANCE


def _doubt(recorded: Mapping[str, Any], found: Sequence[Mapping[str, Any]], conditions: Mapping[str, Any]) -> str:
    """Why test results that differ from the record's prove nothing; "" when they are what they seem."""
    if len({evidence_digest(result) for result in found}) > 1:
        return f"the tests vary from run to run: {len(found)} runs did not agree with each other"
    then = _as_object(_as_object(recorded.get("sandbox_result")).get("sandbox"))
    others = [item for name in ("backend", "limits") for item in find_differences(then.get(name), conditions[name])]
    texts = ", ".join(f"{item.path or 'backend'} {item.recorded} then, {item.found} now" for item in others)
    return f"the tests ran under other conditions: {texts}" if texts else ""


def _find_race(recorded: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Why the record's own tests may have counted for less than they do now: it says that they raced; "" if not so.

    A test that passed and failed on the same code counts for nothing, so a race explains no higher score.
    """
    raced = ", ".join(sorted(_flaky_tests(recorded) - _flaky_tests(found)))
    scores = [(recorded.get(name), found[name]) for name in _LOWERED]
    if not raced or not all(isinstance(then, (int, float)) and then <= now for then, now in scores):
        return ""
    return f"the tests raced when they were judged: by the record, {excerpt(raced)} passed and failed on the same code"


def _flaky_tests(evaluation: Mapping[str, Any]) -> set[str]:
    evidence = _as_object(_as_object(_as_object(evaluation.get("components")).get("testing")).get("evidence"))
    flaky = _as_object(evidence.get("mutation")).get("flaky")
    return set(_as_object(evidence.get("tests"))).intersection(map(str, flaky if isinstance(flaky, list) else ()))
