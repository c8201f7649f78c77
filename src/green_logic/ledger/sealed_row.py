"""One row of the ledger as SQLite hands it out, and whether it still is what was signed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
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


class Texts(NamedTuple):
    """The columns of a row that hold text, decoded once."""

    battle_id: str
    timestamp: str
    breakdown: str
    dbom_hash: str
    envelope: str
    battle_sha256: str
    evidence_sha256: str


def read_texts(row: LedgerRow) -> Texts:
    """The texts of a row, whatever its columns hold."""
    return Texts(*map(as_text, (getattr(row, name) for name in Texts._fields)))


def read_row(row: LedgerRow, texts: Texts, claims: Claims) -> Sealed:
    """The row as it was sealed. Raises VerificationError of kind "row" or "h_delta" where it is not what was signed."""
    for column, signed, found in (
        ("battle_id", claims.battle_id, texts.battle_id),
        ("score", claims.score, row.score),
        ("timestamp", claims.timestamp, texts.timestamp),
        ("dbom_hash", claims.h_delta, texts.dbom_hash),
    ):
        if signed != found:
            raise VerificationError(
                f"battles.{column} is {excerpt(found)}, the judge signed {excerpt(signed)}", kind="row"
            )
    raw_result = as_bytes(row.raw_result)
    if hashlib.sha256(raw_result).hexdigest() != claims.h_delta:
        raise VerificationError("battles.raw_result is not what h_delta was taken of", kind="h_delta")
    return Sealed(
        battle_id=texts.battle_id,
        raw_result=raw_result,
        h_delta=texts.dbom_hash,
        score=row.score,
        breakdown=texts.breakdown,
        timestamp=texts.timestamp,
        envelope=texts.envelope,
        vector=_check_result(texts, raw_result, claims),
        battle_sha256=texts.battle_sha256,
        evidence_sha256=texts.evidence_sha256,
    )


class _Evaluation(msgspec.Struct):
    intent_vector: msgspec.Raw
    breakdown: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


# only what is compared becomes objects: a quarter of the time that parsing all of a result takes
_PARTS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_EVALUATION = msgspec.json.Decoder(_Evaluation)
_REFUSED = (msgspec.MsgspecError, ValueError, RecursionError)


def _check_result(texts: Texts, raw_result: bytes, claims: Claims) -> bytes:
    """Text of the vector in a result whose digest is good, once the columns that repeat the result are compared."""
    try:
        parts = _PARTS.decode(raw_result)
        inner = bytes(parts.get("evaluation", b""))
        evaluation = _EVALUATION.decode(inner if inner.startswith(b"{") else raw_result)
        text = _vector_text(claims.vector_sha256, bytes(evaluation.intent_vector))
        found = parts.get("breakdown") if evaluation.breakdown is msgspec.UNSET else evaluation.breakdown
        breakdown = None if found is None else orjson.loads(bytes(found))
        battle_sha256 = str(orjson.loads(bytes(parts.get("battle_sha256", b'""'))))
    except _REFUSED as error:
        raise VerificationError("raw_result is not a result", kind="row") from error
    if not _is_breakdown(texts.breakdown, breakdown):
        raise VerificationError("battles.breakdown is not what raw_result has", kind="row")
    if texts.battle_sha256 != battle_sha256:
        raise VerificationError("ledger.battle_sha256 is not what raw_result has", kind="row")
    if not _is_evidence(texts.evidence_sha256, raw_result, parts, claims.h_delta):
        raise VerificationError("ledger.evidence_sha256 is not that of raw_result", kind="row")
    return text


_vectors: dict[str, tuple[bytes, bytes]] = {}  # digest -> a vector as it stood and its text: a task's battles share it


def _vector_text(digest: str, vector: bytes) -> bytes:
    known = _vectors.get(digest)
    if known is None or known[0] != vector:
        parsed = parse_vector(orjson.loads(vector))
        if parsed.digest != digest:
            raise VerificationError("raw_result has another intent_vector than was signed", kind="row")
        if len(_vectors) >= VECTORS_KEPT:
            _vectors.clear()
        known = _vectors[digest] = (vector, parsed.text)
    return known[1]


def _is_evidence(stored: str, raw_result: bytes, parts: Mapping[str, msgspec.Raw], h_delta: str) -> bool:
    """Whether `stored` is the digest of the result without its timings."""
    if not NOT_EVIDENCE & parts.keys():
        return stored == h_delta  # nothing is left out, and raw_result is printed the same way
    # the judge printed both alike, so what is kept can be put together from the text itself
    kept = (b"%b:%b" % (orjson.dumps(name), part) for name, part in parts.items() if name not in NOT_EVIDENCE)
    if hashlib.sha256(b"{%b}" % b",".join(kept)).hexdigest() == stored:
        return True
    evidence = {name: value for name, value in orjson.loads(raw_result).items() if name not in NOT_EVIDENCE}
    return hashlib.sha256(orjson.dumps(evidence, option=orjson.OPT_SORT_KEYS)).hexdigest() == stored


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
    return (value if isinstance(value, bytes) else str(value).encode()).decode("utf-8", "backslashreplace")
