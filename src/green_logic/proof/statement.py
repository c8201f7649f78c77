"""What the judge signed about one battle, read out of the in-toto Statement inside a seal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from green_logic.errors import VerificationError
from green_logic.proof.dbom import DBOM_VERSION, PREDICATE_TYPE, STATEMENT_TYPE


@dataclass(frozen=True)
class Claims:
    """The signed values; `vector_sha256` is the digest of `v_intent`, `origin` the ledger that they are valid on."""

    battle_id: str
    h_delta: str
    score: float
    timestamp: str
    vector_sha256: str
    origin: str


def read_claims(statement: Any) -> Claims:
    """The claims of a statement whose signature was verified. Raises VerificationError of kind "statement"."""
    try:
        subject, predicate = statement["subject"][0], statement["predicate"]
        named = (statement["_type"], statement["predicateType"], predicate["dbomVersion"], subject["name"])
        claims = Claims(
            battle_id=predicate["battleId"],
            h_delta=subject["digest"]["sha256"],
            score=predicate["scoreCis"],
            timestamp=predicate["judgedAt"],
            vector_sha256=predicate["vIntent"]["digest"]["sha256"],
            origin=predicate["ledger"],
        )
    except (KeyError, IndexError, TypeError) as error:
        raise VerificationError("the signed statement is not a DBOM's", kind="statement") from error
    if named != (STATEMENT_TYPE, PREDICATE_TYPE, DBOM_VERSION, claims.battle_id):
        raise VerificationError("the signed statement is not that of a DBOM 1.1", kind="statement")
    texts = (claims.battle_id, claims.h_delta, claims.timestamp, claims.vector_sha256, claims.origin)
    if not all(type(text) is str for text in texts) or type(claims.score) not in (int, float):
        raise VerificationError("the signed statement holds values of the wrong types", kind="statement")
    return claims
