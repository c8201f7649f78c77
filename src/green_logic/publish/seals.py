"""What a seal says against the row that is about to be published.

A database can be edited behind the judge's back; a publication must not spread what was never signed. This compares
each row with the statement in its envelope. The signature itself is the business of `green-logic verify`: checking it
costs ten times more.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec
import pyarrow as pa

from green_logic.errors import VerificationError

HINT = "nothing was published: green-logic verify tells what was changed, restore a backup"


class _Envelope(msgspec.Struct):
    payload: str


class _Digest(msgspec.Struct):
    sha256: str


class _Subject(msgspec.Struct):
    name: str
    digest: _Digest


class _Predicate(msgspec.Struct, rename="camel"):
    score_cis: float
    judged_at: str


class _Statement(msgspec.Struct):
    subject: list[_Subject]
    predicate: _Predicate


class _Evaluation(msgspec.Struct):
    breakdown: Any = msgspec.UNSET


class _Result(_Evaluation):
    evaluation: _Evaluation | None = None


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_STATEMENT = msgspec.json.Decoder(_Statement)
_RESULT = msgspec.json.Decoder(_Result)


def check_seals(rows: pa.RecordBatch) -> None:
    """Raises VerificationError for the first row that is not what its envelope, or its own result, says."""
    names = ("battle_id", "timestamp", "score", "dbom_hash", "sigma_judge", "breakdown", "raw_result")
    for battle_id, timestamp, score, dbom_hash, envelope, breakdown, raw_result in zip(
        *(rows[name].to_pylist() for name in names), strict=True
    ):
        if envelope is None:
            continue  # a row without a leaf: the export counts the signed rows and refuses the lot
        if (battle_id, timestamp, score, dbom_hash) != _sealed(battle_id, envelope):
            raise VerificationError(f"battle {battle_id}: the row is not what the judge signed", kind="row", hint=HINT)
        if not _is_breakdown(breakdown or "", raw_result):
            raise VerificationError(f"battle {battle_id}: breakdown is not its result's", kind="row", hint=HINT)


def _sealed(battle_id: str, envelope: str) -> tuple[str, str, float, str]:
    try:
        statement = _STATEMENT.decode(base64.b64decode(_ENVELOPE.decode(envelope).payload, validate=True))
        subject, predicate = statement.subject[0], statement.predicate
    except (msgspec.MsgspecError, binascii.Error, IndexError, ValueError) as error:
        raise VerificationError(f"battle {battle_id}: its seal cannot be read", kind="envelope", hint=HINT) from error
    return subject.name, predicate.judged_at, predicate.score_cis, subject.digest.sha256


def _is_breakdown(text: str, raw_result: str) -> bool:
    """Whether `text` is what proof.dbom takes out of a result: a text as it is, anything else as JSON in any order."""
    try:
        result = _RESULT.decode(raw_result)
        found = (result.evaluation or result).breakdown
        found = result.breakdown if found is msgspec.UNSET else found
        if isinstance(found, str) or not found or found is msgspec.UNSET:
            return text == (found or "")
        return bool(msgspec.json.decode(text) == found)
    except (msgspec.MsgspecError, RecursionError):
        return not text
