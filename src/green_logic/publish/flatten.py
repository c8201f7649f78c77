"""The JSON text of a result → the flat values that analysts query.

A value is taken where the result has it with the right type and the right range; everything else is None. Nothing is
computed from anything else and nothing here raises: a result that this version does not understand still has its
exact text in the column `raw_result`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

VECTOR_SIZE = 384  # floats of v_intent, as in the DBOM
INT32_MAX = 2**31 - 1
_REFUSED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Flat(NamedTuple):
    """The analytics values of one result, in the order of the columns."""

    rationale_score: float | None = None
    architecture_score: float | None = None
    testing_score: float | None = None
    logic_score: float | None = None
    red_penalty_applied: float | None = None  # the factor: 1.0 is clean
    intent_code_similarity: float | None = None
    task_id: str | None = None
    task_title: str | None = None
    agent: str | None = None
    model: str | None = None
    profile: str | None = None
    judge: str | None = None
    tests_passed: int | None = None
    tests_failed: int | None = None
    v_intent: NDArray[np.float32] | None = None


class _Task(msgspec.Struct):
    id: str | None = None
    title: str | None = None


class _Participant(msgspec.Struct):
    agent: str | None = None
    model: str | None = None


class _Profile(msgspec.Struct):
    id: str | None = None


class _Evidence(msgspec.Struct):
    passed: int | None = None
    total: int | None = None


class _Component(msgspec.Struct):
    evidence: _Evidence | None = None


class _Components(msgspec.Struct):
    testing: _Component | None = None
    logic: _Component | None = None


class _Evaluation(msgspec.Struct):
    rationale_score: float | None = None
    architecture_score: float | None = None
    testing_score: float | None = None
    logic_score: float | None = None
    red_multiplier: float | None = None
    intent_code_similarity: float | None = None
    judge: str | None = None
    components: _Components | None = None
    intent_vector: msgspec.Raw = msgspec.Raw(b"null")  # its text: the battles of one task share it


class _Result(_Evaluation):
    # as in proof.dbom: without an `evaluation` the result itself is one
    evaluation: _Evaluation | None = None
    task: _Task | None = None
    participant: _Participant | None = None
    profile: _Profile | None = None


_DECODER = msgspec.json.Decoder(_Result)  # refuses NaN, Infinity and numbers that are too large for a double


def flatten(raw_result: bytes | memoryview) -> Flat:
    """The flat values of one result's JSON text."""
    try:
        result = _DECODER.decode(raw_result)
    except msgspec.ValidationError:
        result = _decode_leniently(raw_result)
    except _REFUSED:
        return Flat()
    evaluation = result.evaluation or result
    task, participant, profile = result.task or _Task(), result.participant or _Participant(), result.profile
    passed, failed = _count_tests(evaluation.components)
    return Flat(
        rationale_score=evaluation.rationale_score,
        architecture_score=evaluation.architecture_score,
        testing_score=evaluation.testing_score,
        logic_score=evaluation.logic_score,
        red_penalty_applied=evaluation.red_multiplier,
        intent_code_similarity=evaluation.intent_code_similarity,
        task_id=task.id,
        task_title=task.title,
        agent=participant.agent,
        model=participant.model,
        profile=profile.id if profile else None,
        judge=evaluation.judge,
        tests_passed=passed,
        tests_failed=failed,
        v_intent=_vector(bytes(evaluation.intent_vector)),
    )


def _decode_leniently(raw_result: bytes | memoryview) -> _Result:
    """For results in which some value has another type: those become None, the others stay. Slower."""
    try:
        value = msgspec.json.decode(raw_result)
    except _REFUSED:
        return _Result()
    picked: _Result | None = _pick(value, _Result)
    return picked or _Result()


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
def _vector(text: bytes) -> NDArray[np.float32] | None:
    """384 single floats, or None; rounded from the doubles that were sealed."""
    try:
        numbers = msgspec.json.decode(text, type=list[float])
    except _REFUSED:
        return None
    if len(numbers) != VECTOR_SIZE:
        return None
    with np.errstate(over="ignore"):
        vector = np.array(numbers, dtype=np.float32)
    return vector if bool(np.isfinite(vector).all()) else None
