"""The DBOM (Decision Bill of Materials): one battle's decision, sealed so that anyone can check it.

Seven fields in the order of the specification. `h_delta` is the SHA-256 of the exact bytes of `raw_result`, `v_intent`
the embedding of the task, `score_cis` the score, and `sigma_judge` a DSSE envelope around an in-toto Statement v1 that
repeats the others, so that none can be changed alone. The digest of `v_intent` is over its little-endian doubles: a
DBOM stays valid when another tool prints the JSON anew.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from green_logic.errors import InvalidBattleError, VerificationError
from green_logic.proof.envelope import open_envelope, seal
from green_logic.proof.keys import PublicKey, SigningKey
from green_logic.proof.vector import VECTOR_SIZE, IntentVector, parse_vector
from green_logic.strict_json import check_battle_id, excerpt, parse_json

DBOM_VERSION = "1.1"
FIELDS = ("dbom_version", "battle_id", "h_delta", "v_intent", "score_cis", "sigma_judge", "timestamp")
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
# A URI that nobody else can own and that needs no domain to live; it never changes (docs/decisions/0002).
PREDICATE_TYPE = "urn:uuid:af5d9567-96bc-4460-b314-ca8e580097db#green-agent/dbom/v1"
VECTOR_TYPE = "application/vnd.ieee754.f64le"
SIZE_LIMIT = 4 << 20  # bytes of a DBOM; ours are about 10,000
# What differs between two honest runs of one judgement, so left out when two results are compared.
NOT_EVIDENCE = frozenset({"timing", "sandbox_result"})
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Sealed:
    """A judged battle with its seal: all that a row and a DBOM file are made of.

    `raw_result` is the JSON text that `h_delta` is the digest of; `evidence_sha256` that of the result without timings;
    `battle_sha256` that of the input, empty when the result does not carry it; `vector` the JSON text of `v_intent`.
    """

    battle_id: str
    raw_result: bytes
    h_delta: str
    score: float
    breakdown: str
    timestamp: str
    envelope: str
    vector: bytes
    battle_sha256: str
    evidence_sha256: str

    @property
    def file_name(self) -> str:
        """Name of the DBOM file."""
        return dbom_name(self.battle_id)

    def dbom_bytes(self) -> bytes:
        """Content of the DBOM file; the same sealed battle always gives the same bytes."""
        return _dbom_bytes(
            battle_id=self.battle_id,
            h_delta=self.h_delta,
            vector=self.vector,
            score=self.score,
            envelope=self.envelope,
            timestamp=self.timestamp,
        )


def dbom_name(battle_id: str) -> str:
    """File name of a battle's DBOM."""
    return f"dbom_{battle_id}.json"


def utc_now() -> str:
    """This moment as every timestamp here is written: UTC, microseconds, `Z`."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seal_result(result: Mapping[str, Any], *, key: SigningKey, origin: str, timestamp: str | None = None) -> Sealed:
    """Seal a judged battle. `origin` names the ledger that the seal is valid on.

    Raises InvalidBattleError when id, score or vector are missing or not what they must be: nothing is ever filled in.
    """
    battle_id = check_battle_id(result.get("battle_id"))
    raw_result, evidence = _encode(battle_id, result)
    evaluation = result.get("evaluation")
    evaluation = evaluation if isinstance(evaluation, Mapping) else result
    score = _score(battle_id, evaluation.get("cis_score", evaluation.get("score")))
    vector = _vector(battle_id, evaluation.get("intent_vector"))
    breakdown = evaluation.get("breakdown", result.get("breakdown"))
    h_delta = hashlib.sha256(raw_result).hexdigest()
    timestamp = timestamp or utc_now()
    statement = _statement(
        result,
        battle_id=battle_id,
        h_delta=h_delta,
        vector=vector,
        score=score,
        timestamp=timestamp,
        origin=origin,
    )
    return Sealed(
        battle_id=battle_id,
        raw_result=raw_result,
        h_delta=h_delta,
        score=score,
        breakdown=breakdown if isinstance(breakdown, str) else orjson.dumps(breakdown).decode() if breakdown else "",
        timestamp=timestamp,
        envelope=seal(orjson.dumps(statement), key),
        vector=vector.text,
        battle_sha256=str(result.get("battle_sha256", "")),
        evidence_sha256=evidence,
    )


def rebuild_dbom(*, battle_id: str, raw_result: bytes, score: float, timestamp: str, envelope: str) -> bytes:
    """The DBOM file of a recorded battle, byte for byte, from what the ledger holds. Raises VerificationError."""
    try:
        result = orjson.loads(raw_result)
        evaluation = result.get("evaluation")
        vector = (evaluation if isinstance(evaluation, dict) else result)["intent_vector"]
        text = parse_vector(vector).text
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise VerificationError(f"{battle_id}: raw_result holds no intent_vector", kind="raw_result") from error
    return _dbom_bytes(
        battle_id=battle_id,
        h_delta=hashlib.sha256(raw_result).hexdigest(),
        vector=text,
        score=score,
        envelope=envelope,
        timestamp=timestamp,
    )


def _dbom_bytes(*, battle_id: str, h_delta: str, vector: bytes, score: float, envelope: str, timestamp: str) -> bytes:
    return (
        b'{"dbom_version":"%b","battle_id":"%b","h_delta":"%b","v_intent":%b,"score_cis":%b,"sigma_judge":%b,'
        % (
            DBOM_VERSION.encode(),
            battle_id.encode(),
            h_delta.encode(),
            vector,
            orjson.dumps(score),
            orjson.dumps(envelope),
        )
        + b'"timestamp":"%b"}\n' % timestamp.encode()
    )


def find_evidence(result: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a result that another honest evaluation of the battle repeats."""
    return {name: value for name, value in result.items() if name not in NOT_EVIDENCE}


def evidence_digest(result: Mapping[str, Any]) -> str:
    """SHA-256 of a result without what differs between two honest runs. Raises orjson.JSONEncodeError."""
    return hashlib.sha256(orjson.dumps(find_evidence(result), option=orjson.OPT_SORT_KEYS)).hexdigest()


def _encode(battle_id: str, result: Mapping[str, Any]) -> tuple[bytes, str]:
    try:
        raw_result = orjson.dumps(dict(result), option=orjson.OPT_SORT_KEYS)
        digest = evidence_digest(result)
    except (orjson.JSONEncodeError, RecursionError) as error:
        raise InvalidBattleError(f"battle {battle_id}: the result cannot be stored as JSON: {error}") from error
    if _holds_nan(result):
        # orjson writes NaN and Infinity as null, which would seal something other than what was judged
        raise InvalidBattleError(f"battle {battle_id}: the result holds NaN or Infinity")
    return raw_result, digest


def _holds_nan(value: object) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, Mapping):
        return any(map(_holds_nan, value.values()))
    if not isinstance(value, (list, tuple)):
        return False
    # the sum of a vector is finite unless one number is not, or, beyond any vector of ours, it overflows
    if set(map(type, value)) == {float} and math.isfinite(sum(value)):
        return False
    return any(map(_holds_nan, value))


def _score(battle_id: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise InvalidBattleError(f"battle {battle_id}: cis_score expected a number from 0 to 1, got {excerpt(value)}")
    return float(value) + 0.0


def _vector(battle_id: str, value: object) -> IntentVector:
    try:
        vector = parse_vector(value)
    except VerificationError as error:
        raise InvalidBattleError(f"battle {battle_id}: intent_vector {error.message}") from error
    if vector.is_zero:
        raise InvalidBattleError(f"battle {battle_id}: intent_vector is all zeros, which is no embedding")
    return vector


def _statement(
    result: Mapping[str, Any],
    *,
    battle_id: str,
    h_delta: str,
    vector: IntentVector,
    score: float,
    timestamp: str,
    origin: str,
) -> dict[str, Any]:
    subjects = [{"name": battle_id, "digest": {"sha256": h_delta}}]
    source = _source_code(result)
    if source is not None:
        # a contestant can hash their own file and find it here
        subjects.append({"name": "submission", "digest": {"sha256": hashlib.sha256(source.encode()).hexdigest()}})
    profile = result.get("profile")
    return {
        "_type": STATEMENT_TYPE,
        "subject": subjects,
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "dbomVersion": DBOM_VERSION,
            "battleId": battle_id,
            "scoreCis": score,
            "vIntent": {"mediaType": VECTOR_TYPE, "digest": {"sha256": vector.digest}, "length": VECTOR_SIZE},
            "judgedAt": timestamp,
            "ledger": origin,
            "profile": profile.get("id") if isinstance(profile, Mapping) else None,
        },
    }


def _source_code(result: Mapping[str, Any]) -> str | None:
    response = result.get("purple_response")
    if not isinstance(response, Mapping):
        return None
    source = response.get("sourceCode", response.get("source_code"))
    return source if isinstance(source, str) else None


def parse_dbom(data: bytes) -> dict[str, Any]:
    """The fields of a DBOM file with the right types; nothing is verified yet. Raises VerificationError."""
    if len(data) > SIZE_LIMIT:
        raise VerificationError(f"expected at most {SIZE_LIMIT} bytes, got {len(data)}", kind="schema")
    try:
        dbom = parse_json(data)
        missing = [name for name in FIELDS if not isinstance(dbom, dict) or name not in dbom]
        if missing:
            raise VerificationError(f"missing {', '.join(missing)}", kind="schema")
        check_battle_id(dbom["battle_id"])
    except InvalidBattleError as error:
        raise VerificationError(error.message, kind="schema") from error
    if not isinstance(dbom["h_delta"], str) or not _HEX.fullmatch(dbom["h_delta"]):
        raise VerificationError(f"h_delta expected 64 hex digits, got {excerpt(dbom['h_delta'])}", kind="h_delta")
    if type(dbom["score_cis"]) not in (int, float):
        raise VerificationError(f"score_cis expected a number, got {excerpt(dbom['score_cis'])}", kind="score_cis")
    return dict(dbom)


def check_dbom(
    data: bytes,
    keys: Mapping[str, PublicKey],
    *,
    name: str | None = None,
    origin: str | None = None,
    raw_result: bytes | None = None,
    vouched_for: bool = False,
) -> dict[str, Any]:
    """The fields of a DBOM whose seal is good, under one of `keys` (key id → key).

    `name` (the file's), `origin` (the ledger's) and `raw_result` are checked where given; `vouched_for` leaves the
    signature out, as in `open_envelope`. Raises VerificationError
    whose kind names what is wrong; a DBOM of version 1.0 carries no signature and is refused as "legacy-unsigned".
    """
    dbom = parse_dbom(data)
    battle_id = dbom["battle_id"]
    if name is not None and name != dbom_name(battle_id):
        raise VerificationError(f"{name}: holds the DBOM of {battle_id}", kind="file-name")
    if dbom["dbom_version"] == "1.0":
        raise VerificationError(f"{battle_id}: a DBOM 1.0 carries no signature", kind="legacy-unsigned")
    if dbom["dbom_version"] != DBOM_VERSION or not isinstance(dbom["sigma_judge"], str):
        raise VerificationError(f"{battle_id}: expected dbom_version {DBOM_VERSION} with a sigma_judge", kind="schema")
    statement, _ = open_envelope(dbom["sigma_judge"], keys, vouched_for=vouched_for)
    for field, signed, found in _signed_fields(statement, dbom):
        if type(signed) is bool or signed != found:
            raise VerificationError(
                f"{battle_id}: {field} is {excerpt(found)}, the judge signed {excerpt(signed)}", kind=field
            )
    if origin is not None and statement["predicate"].get("ledger") != origin:
        raise VerificationError(f"{battle_id}: sealed for another ledger", kind="ledger")
    if raw_result is not None and hashlib.sha256(raw_result).hexdigest() != dbom["h_delta"]:
        raise VerificationError(f"{battle_id}: raw_result is not what h_delta was taken of", kind="h_delta")
    return dbom


def _signed_fields(statement: Any, dbom: Mapping[str, Any]) -> list[tuple[str, object, object]]:
    try:
        subject, predicate = statement["subject"][0], statement["predicate"]
        return [
            ("statement", statement["_type"], STATEMENT_TYPE),
            ("statement", statement["predicateType"], PREDICATE_TYPE),
            ("battle_id", subject["name"], dbom["battle_id"]),
            ("battle_id", predicate["battleId"], dbom["battle_id"]),
            ("h_delta", subject["digest"]["sha256"], dbom["h_delta"]),
            ("score_cis", predicate["scoreCis"], dbom["score_cis"]),
            ("timestamp", predicate["judgedAt"], dbom["timestamp"]),
            ("dbom_version", predicate["dbomVersion"], dbom["dbom_version"]),
            ("v_intent", predicate["vIntent"]["digest"]["sha256"], parse_vector(dbom["v_intent"]).digest),
        ]
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise VerificationError("the signed statement is not a DBOM's", kind="statement") from error
