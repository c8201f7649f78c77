"""The JSON text of a result → the flat values that analysts query.

A value is taken where the result has it with the right type and the right range; everything else is None. Nothing is
computed from anything else and nothing here raises: a result that this version does not understand still has its
exact text in the column `raw_result`.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from green_logic.publish.contract import VECTOR_SIZE

INT32_MAX = 2**31 - 1
_REFUSED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Task(msgspec.Struct, gc=False):
    id: str | None = None
    title: str | None = None


class _Participant(msgspec.Struct, gc=False):
    agent: str | None = None
    model: str | None = None


class _Profile(msgspec.Struct, gc=False):
    id: str | None = None


class _Evidence(msgspec.Struct, gc=False):
    passed: int | None = None
    total: int | None = None


class _Component(msgspec.Struct, gc=False):
    evidence: _Evidence | None = None


class _Components(msgspec.Struct, gc=False):
    testing: _Component | None = None
    logic: _Component | None = None


class _Evaluation(msgspec.Struct, gc=False):
    rationale_score: float | None = None
    architecture_score: float | None = None
    testing_score: float | None = None
    logic_score: float | None = None
    red_multiplier: float | None = None
    intent_code_similarity: float | None = None
    judge: str | None = None
    components: _Components | None = None
    breakdown: Any = msgspec.UNSET
    intent_vector: msgspec.Raw = msgspec.Raw(b"null")  # its text: the battles of one task share it


class Result(_Evaluation, gc=False):
    """The parts of a result that are looked at. As in proof.dbom: without an `evaluation` the result is one itself."""

    evaluation: _Evaluation | None = None
    task: _Task | None = None
    participant: _Participant | None = None
    profile: _Profile | None = None


_NO_TASK, _NOBODY, _NO_PROFILE = _Task(), _Participant(), _Profile()
_decode = msgspec.json.Decoder(Result).decode  # refuses NaN, Infinity and numbers that are too large for a double


def parse_result(raw_result: bytes) -> Result:
    """What is looked at of one result's JSON text."""
    try:
        return _decode(raw_result)
    except msgspec.ValidationError:
        return _decode_leniently(raw_result)
    except _REFUSED:
        return Result()


def flatten(results: Sequence[Result]) -> dict[str, list[Any]]:
    """The flat columns of some results, by name. Whole columns at once: that costs a third of going row by row."""
    evaluations = [result.evaluation or result for result in results]
    tasks = [result.task or _NO_TASK for result in results]
    participants = [result.participant or _NOBODY for result in results]
    tests = [_count_tests(evaluation.components) for evaluation in evaluations]
    return {
        "rationale_score": [evaluation.rationale_score for evaluation in evaluations],
        "architecture_score": [evaluation.architecture_score for evaluation in evaluations],
        "testing_score": [evaluation.testing_score for evaluation in evaluations],
        "logic_score": [evaluation.logic_score for evaluation in evaluations],
        "red_penalty_applied": [evaluation.red_multiplier for evaluation in evaluations],
        "intent_code_similarity": [evaluation.intent_code_similarity for evaluation in evaluations],
        "task_id": [task.id for task in tasks],
        "task_title": [task.title for task in tasks],
        "agent": [participant.agent for participant in participants],
        "model": [participant.model for participant in participants],
        "profile": [(result.profile or _NO_PROFILE).id for result in results],
        "judge": [evaluation.judge for evaluation in evaluations],
        "tests_passed": [passed for passed, _ in tests],
        "tests_failed": [failed for _, failed in tests],
        "v_intent": [_vector(bytes(evaluation.intent_vector)) for evaluation in evaluations],
    }


def _decode_leniently(raw_result: bytes) -> Result:
    """For results in which some value has another type: those become None, the others stay. Slower."""
    try:
        value = msgspec.json.decode(raw_result)
    except _REFUSED:
        return Result()
    picked: Result | None = _pick(value, Result)
    return picked or Result()


def _pick(value: object, kind: Any) -> Any:
    # a nested struct is picked field by field, so that one wrong leaf does not cost the others
    if not isinstance(value, dict):
        return None
    fields: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        if field.encode_name not in value:
            continue
        item = value[field.encode_name]
        inner = next((part for part in getattr(field.type, "__args__", ()) if _is_struct(part)), None)
        if field.type is msgspec.Raw:
            fields[field.name] = msgspec.Raw(_encode(item))
        elif inner is not None:
            fields[field.name] = _pick(item, inner)
        else:
            fields[field.name] = _convert(item, field.type)
    return kind(**fields)


def _is_struct(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _encode(value: object) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (msgspec.MsgspecError, OverflowError, RecursionError, ValueError):
        return b"null"


def _convert(value: object, kind: Any) -> Any:
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, OverflowError):
        return None


def _count_tests(components: _Components | None) -> tuple[int | None, int | None]:
    """Own and hidden tests together; a component that does not say both numbers is left out."""
    passed = failed = 0
    found = False
    for part in (components.testing, components.logic) if components else ():
        evidence = part.evidence if part else None
        if evidence is None or evidence.passed is None or evidence.total is None:
            continue
        if not 0 <= evidence.passed <= evidence.total <= INT32_MAX // 2:  # so that the sum of two fits as well
            return None, None
        passed, failed, found = passed + evidence.passed, failed + evidence.total - evidence.passed, True
    return (passed, failed) if found else (None, None)


@lru_cache(maxsize=256)
def _vector(text: bytes) -> array[float] | None:
    """384 single floats, or None; rounded from the doubles that were sealed."""
    try:
        numbers = msgspec.json.decode(text, type=list[float])
    except _REFUSED:
        return None
    vector = array("f", numbers)  # what is too large for a single float becomes infinite
    return vector if len(vector) == VECTOR_SIZE and all(map(math.isfinite, vector)) else None
