"""One row of a LogoMesh database → a battle, a failed evaluation or a refusal. Pure: cells in, outcome out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from green_logic.battle import check_battle_id, excerpt, parse_json
from green_logic.errors import InvalidBattleError
from green_logic.importers.intent import Intent, find_original
from green_logic.importers.legacy_dboms import LegacyDbom
from green_logic.importers.logomesh_cells import UNSURE, Row, digest_text
from green_logic.importers.outcomes import (
    Failed,
    Found,
    Options,
    Outcome,
    Proof,
    RefusalError,
    Refused,
    make_record,
    refusing,
)

NAME = "logomesh"
VERSION = 1
# what the origin wrote as the breakdown when its judge had raised an exception
FAILURE = re.compile(r"\s*(scoring|evaluation|judging) failed\b", re.IGNORECASE)
# a component that the origin filled in with a default because the call behind it had failed
DEFAULTED = re.compile(r"\s*logic review (failed|timed out)\b", re.IGNORECASE)
REASON_LIMIT = 300  # characters of the origin's error text that are repeated


def classify(row: Row, dbom: LegacyDbom, proof: Proof, options: Options) -> Outcome:
    """What becomes of a row. A failure of the origin's judge is never a score, whatever number stands beside it."""
    try:
        with refusing("schema"):
            check_battle_id(row.battle_id)
            reason = _find_failure(row)
            result = {} if reason else _parse_result(row)
            reason = reason or _find_error(row, result)
        if reason:
            return Failed(row.where, row.battle_id, reason[:REASON_LIMIT], proof)
        return _record(row, result, dbom, proof, options)
    except RefusalError as error:
        return Refused(row.where, row.battle_id, error.kind, error.message, proof)
    except RecursionError:
        return Refused(row.where, row.battle_id, "schema", "raw_result: nested too deep", proof)


def _record(row: Row, result: Mapping[str, Any], dbom: LegacyDbom, proof: Proof, options: Options) -> Outcome:
    if _is_mock(result):
        raise RefusalError("mock", "a mock row: nothing was evaluated")
    with refusing("altered"):
        _check_unaltered(row, result)
    with refusing("score"):
        evaluation = _evaluation(row, result)
    with refusing("vector"):
        intent = _intent(row, result, dbom, proof, options)
    legacy = dbom.describe(proof) if dbom.file else None
    with refusing("schema"):
        return make_record(_found(row, result, evaluation, intent=intent, proof=proof, legacy=legacy))


def _find_failure(row: Row) -> str:
    """Why the origin has no score of this row, as far as its columns say; "" when they hold one, or none of it."""
    if FAILURE.match(row.text("breakdown")):
        return row.text("breakdown")
    # SQLite stores NaN as NULL
    if row.score is UNSURE or ("score" in row.cells and row.score is None):
        return f"score: expected a finite number, got {excerpt(row.cells.get('score'))}"
    return ""


def _parse_result(row: Row) -> dict[str, Any]:
    text = row.cells.get("raw_result")
    if not isinstance(text, str):
        raise InvalidBattleError(f"raw_result: expected JSON text, got {excerpt(text)}")
    try:
        result = parse_json(text.encode())
    except InvalidBattleError as error:
        raise InvalidBattleError(f"raw_result: {error.message}") from error
    if not isinstance(result, dict):
        raise InvalidBattleError(f"raw_result: expected an object, got {excerpt(result)}")
    return result


def _is_mock(result: Mapping[str, Any]) -> bool:
    return str(result.get("status", "")).lower().startswith("mock") or result.get("mock") is True


def _find_error(row: Row, result: Mapping[str, Any]) -> str:
    """Why the origin has no evaluation of this row; "" when it has one, or is a mock."""
    if _is_mock(result):
        return ""
    evaluation = _part(result, "evaluation")
    for holder in (result, evaluation):
        if error := holder.get("error"):
            return f"error: {error if isinstance(error, str) else excerpt(error)}"
    breakdown = evaluation.get("breakdown")
    if isinstance(breakdown, str) and FAILURE.match(breakdown):
        return breakdown
    inner = evaluation.get("cis_score")
    if inner is not None and (type(inner) not in (int, float)):
        return f"evaluation.cis_score: expected a number, got {excerpt(inner)}"
    return "no score" if inner is None and row.score is None else ""


def _check_unaltered(row: Row, result: Mapping[str, Any]) -> None:
    """Refuse a row whose parts contradict each other: nobody can say which of them the origin's judge wrote."""
    text = row.text("raw_result")
    inner_id = result.get("battle_id", row.battle_id)
    if inner_id != row.battle_id:
        raise InvalidBattleError(f"raw_result is of battle {excerpt(inner_id)}")
    inner = _part(result, "evaluation").get("cis_score")
    if inner is not None and row.score is not None and inner != row.score:
        raise InvalidBattleError(f"score is {row.score}, raw_result says {inner}")
    if not row.text("dbom_hash"):
        return
    # the origin hashed its own re-serialisation at first, the stored text later
    if digest_text(text) != row.h_delta and digest_text(json.dumps(result, sort_keys=True)) != row.h_delta:
        raise InvalidBattleError(f"raw_result does not hash to its dbom_hash {row.h_delta[:12]}…")


def _evaluation(row: Row, result: Mapping[str, Any]) -> dict[str, Any]:
    evaluation = dict(_part(result, "evaluation"))
    score = evaluation.get("cis_score")
    score = row.score if score is None else score
    if not isinstance(score, (int, float)) or not 0 <= score <= 1:
        raise InvalidBattleError(f"score: expected a number from 0 to 1, got {excerpt(score)}")
    evaluation["cis_score"] = score
    evaluation.setdefault("breakdown", row.text("breakdown"))
    return evaluation


def _intent(row: Row, result: Mapping[str, Any], dbom: LegacyDbom, proof: Proof, options: Options) -> Intent:
    own = find_original(_part(result, "evaluation").get("intent_vector"), origin="original", importer=NAME)
    if own is not None:
        return own
    if proof == "matched" and (sealed := find_original(dbom.vector, origin="dbom", importer=NAME)):
        return sealed
    return options.find_intent(_task_text(row, result))


def _task_text(row: Row, result: Mapping[str, Any]) -> str:
    task = result.get("task")
    if isinstance(task, dict):
        task = task.get("description") or task.get("title")
    return task if isinstance(task, str) else row.text("task_title")


def _found(
    row: Row,
    result: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    *,
    intent: Intent,
    proof: Proof,
    legacy: Mapping[str, Any] | None,
) -> Found:
    task = result.get("task", row.text("task_title"))
    parts: dict[str, Any] = {"task": task if isinstance(task, dict) else {"title": str(task or "")}}
    if isinstance(result.get("purple_response"), dict):
        parts["purple_response"] = result["purple_response"]  # the seal has its digest: a contestant can find it
    critique = evaluation.get("logic_critique")
    defaulted = isinstance(critique, str) and DEFAULTED.match(critique)
    return Found(
        importer=NAME,
        version=VERSION,
        source=row.source,
        where=row.where,
        battle_id=row.battle_id,
        original_id=row.battle_id,
        timestamp=row.text("timestamp"),
        evaluation=evaluation,
        intent=intent,
        original={"table": "battles", "row": dict(row.cells)},
        parts=parts,
        proof=proof,
        legacy_dbom=legacy,
        notes=("logic_score is the origin's default: its logic review gave no answer",) if defaulted else (),
    )


def _part(result: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = result.get(name)
    return part if isinstance(part, dict) else {}
