"""What a seal says against the row that is about to be published.

A database can be edited behind the judge's back; a publication must not spread what was never signed. This compares
each row with the statement in its envelope. The signature itself is the business of `green-logic verify`: checking it
costs ten times more. That `raw_result` hashes to the signed digest is checked when the file is read back.
"""

from __future__ import annotations

import msgspec

from green_logic.errors import VerificationError
from green_logic.publish.flatten import Result
from green_logic.publish.ledger_rows import Rows

HINT = "nothing was published: green-logic verify tells what was changed, restore a backup"


class _Envelope(msgspec.Struct, gc=False):
    payload: bytes  # msgspec decodes base64


class _Digest(msgspec.Struct, gc=False):
    sha256: str


class _Subject(msgspec.Struct, gc=False):
    name: str
    digest: _Digest


class _Predicate(msgspec.Struct, rename="camel", gc=False):
    score_cis: float
    judged_at: str


class _Statement(msgspec.Struct, gc=False):
    subject: list[_Subject]
    predicate: _Predicate


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_statement = msgspec.json.Decoder(_Statement).decode


def check_seals(rows: Rows) -> None:
    """Raises VerificationError for the first row that is not what its envelope says.

    A row without a leaf passes: whoever reads the rows tells of it.
    """
    for battle_id, timestamp, score, dbom_hash, envelope in zip(
        rows.battle_id, rows.timestamp, rows.score, rows.dbom_hash, rows.envelope, strict=True
    ):
        if envelope is None:
            continue
        try:
            statement = _decode_statement(_decode_envelope(envelope).payload)
            subject, predicate = statement.subject[0], statement.predicate
        except (msgspec.MsgspecError, UnicodeDecodeError, IndexError, RecursionError) as error:
            raise VerificationError(
                f"battle {battle_id}: its seal cannot be read", kind="envelope", hint=HINT
            ) from error
        if (
            battle_id != subject.name
            or dbom_hash != subject.digest.sha256
            or score != predicate.score_cis
            or timestamp != predicate.judged_at
        ):
            raise VerificationError(f"battle {battle_id}: the row is not what the judge signed", kind="row", hint=HINT)


def check_breakdowns(rows: Rows, results: list[Result]) -> None:
    """Raises VerificationError for the first row whose breakdown is not that of its own, hashed result."""
    for battle_id, text, result in zip(rows.battle_id, rows.breakdown, results, strict=True):
        found = (result.evaluation or result).breakdown
        found = result.breakdown if found is msgspec.UNSET else found
        if text != found and not _is_breakdown(text or "", found):
            raise VerificationError(f"battle {battle_id}: breakdown is not its result's", kind="row", hint=HINT)


def _is_breakdown(text: str, found: object) -> bool:
    """Whether `text` is what proof.dbom takes out of a result: a text as it is, anything else as JSON in any order."""
    if isinstance(found, str) or not found or found is msgspec.UNSET:
        return text == (found if isinstance(found, str) else "")
    try:
        return bool(msgspec.json.decode(text) == found)
    except (msgspec.MsgspecError, RecursionError, TypeError):
        return False
