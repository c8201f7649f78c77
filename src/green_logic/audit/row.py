"""One row of the ledger as SQLite hands it out, and whether it still is what was signed."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import orjson

from green_logic.errors import VerificationError
from green_logic.proof.dbom import NOT_EVIDENCE, Sealed
from green_logic.proof.statement import Claims
from green_logic.proof.vector import parse_vector
from green_logic.strict_json import excerpt

VECTORS_KEPT = 1024  # about 20 MB
ROWS = """
SELECT l.leaf_index, l.battle_row, l.envelope, l.leaf_hash, l.battle_sha256, l.evidence_sha256, l.dbom_sha256,
       b.battle_id, b.timestamp, b.score, b.breakdown, b.raw_result, b.dbom_hash,
       typeof(l.battle_row) || typeof(l.envelope) || typeof(l.leaf_hash) || typeof(l.battle_sha256)
       || typeof(l.evidence_sha256) || typeof(l.dbom_sha256) || typeof(b.battle_id) || typeof(b.timestamp)
       || typeof(b.score) || typeof(b.breakdown) || typeof(b.raw_result) || typeof(b.dbom_hash)
FROM ledger l LEFT JOIN battles b ON b.id = l.battle_row
WHERE l.leaf_index >= ? AND l.leaf_index < ? ORDER BY l.leaf_index
"""
TYPES = b"integertextblobtexttextblobtexttextrealtexttexttext"


class LedgerRow(NamedTuple):
    """What ROWS selects; texts as bytes. A tampered column may hold a value of any type, which `types` tells."""

    leaf: int
    battle_row: Any
    envelope: Any
    leaf_hash: Any
    battle_sha256: Any
    evidence_sha256: Any
    dbom_sha256: Any
    battle_id: Any
    timestamp: Any
    score: Any
    breakdown: Any
    raw_result: Any
    dbom_hash: Any
    types: bytes


def read_row(row: LedgerRow, claims: Claims) -> Sealed:
    """The row as it was sealed. Raises VerificationError of kind "row" or "h_delta" where it is not what was signed."""
    battle_id, timestamp, h_delta = as_text(row.battle_id), as_text(row.timestamp), as_text(row.dbom_hash)
    for column, signed, found in (
        ("battle_id", claims.battle_id, battle_id),
        ("score", claims.score, row.score),
        ("timestamp", claims.timestamp, timestamp),
        ("dbom_hash", claims.h_delta, h_delta),
    ):
        if signed != found:
            raise VerificationError(
                f"battles.{column} is {excerpt(found)}, the judge signed {excerpt(signed)}", kind="row"
            )
    raw_result = as_bytes(row.raw_result)
    if hashlib.sha256(raw_result).hexdigest() != claims.h_delta:
        raise VerificationError("battles.raw_result is not what h_delta was taken of", kind="h_delta")
    return Sealed(
        battle_id=battle_id,
        raw_result=raw_result,
        h_delta=h_delta,
        score=row.score,
        breakdown=as_text(row.breakdown),
        timestamp=timestamp,
        envelope=as_text(row.envelope),
        vector=_check_result(row, raw_result, claims),
        battle_sha256=as_text(row.battle_sha256),
        evidence_sha256=as_text(row.evidence_sha256),
    )


def _check_result(row: LedgerRow, raw_result: bytes, claims: Claims) -> bytes:
    """Text of the vector in a result whose digest is good, once the columns that repeat the result are compared."""
    try:
        result = orjson.loads(raw_result)
        evaluation = result.get("evaluation")
        evaluation = evaluation if isinstance(evaluation, dict) else result
        text = _vector_text(claims.vector_sha256, evaluation["intent_vector"])
    except (ValueError, KeyError, AttributeError) as error:
        raise VerificationError("raw_result is not a result", kind="row") from error
    if not _is_breakdown(as_text(row.breakdown), evaluation.get("breakdown", result.get("breakdown"))):
        raise VerificationError("battles.breakdown is not what raw_result has", kind="row")
    if as_text(row.battle_sha256) != str(result.get("battle_sha256", "")):
        raise VerificationError("ledger.battle_sha256 is not what raw_result has", kind="row")
    if as_text(row.evidence_sha256) != _evidence_digest(result, claims.h_delta):
        raise VerificationError("ledger.evidence_sha256 is not that of raw_result", kind="row")
    return text


_vectors: dict[str, tuple[list[float], bytes]] = {}  # digest -> vector and its text: the battles of a task share theirs


def _vector_text(digest: str, vector: list[float]) -> bytes:
    known = _vectors.get(digest)
    if known is None or known[0] != vector:
        parsed = parse_vector(vector)
        if parsed.digest != digest:
            raise VerificationError("raw_result has another intent_vector than was signed", kind="row")
        if len(_vectors) >= VECTORS_KEPT:
            _vectors.clear()
        known = _vectors[digest] = (vector, parsed.text)
    return known[1]


def _evidence_digest(result: dict[str, Any], h_delta: str) -> str:
    if not NOT_EVIDENCE & result.keys():
        return h_delta  # nothing is left out, and raw_result is printed the same way
    evidence = {name: value for name, value in result.items() if name not in NOT_EVIDENCE}
    return hashlib.sha256(orjson.dumps(evidence, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _is_breakdown(stored: str, value: object) -> bool:
    if isinstance(value, str) or not value:
        return stored == (value or "")
    try:
        parsed = orjson.loads(stored)
    except ValueError:
        return False
    # the order of keys is free; printed again the text is the same, so it holds nothing twice
    ordered = orjson.OPT_SORT_KEYS
    return orjson.dumps(parsed, option=ordered) == orjson.dumps(value, option=ordered) and _prints_as(parsed, stored)


def _prints_as(value: object, text: str) -> bool:
    return orjson.dumps(value) == text.encode()


def as_bytes(value: object) -> bytes:
    """A column as bytes, whatever it holds."""
    # a tampered column may hold anything; its type is a finding of its own
    return value if isinstance(value, bytes) else str(value).encode()


def as_text(value: object) -> str:
    """A column as text, whatever it holds."""
    return as_bytes(value).decode("utf-8", "backslashreplace")
