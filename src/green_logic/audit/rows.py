"""One range of the log against its rows and DBOM files: every hash, every column, and the signatures.

The DBOM a row must have is built anew from the row and compared byte for byte, which costs less than parsing the file.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from cryptography.hazmat.primitives import serialization

from green_logic.audit.findings import Finding, Tally
from green_logic.errors import VerificationError
from green_logic.proof.dbom import NOT_EVIDENCE, SIZE_LIMIT, Sealed, check_dbom, dbom_name, parse_dbom
from green_logic.proof.envelope import open_envelope
from green_logic.proof.keys import PublicKey
from green_logic.proof.merkle import EMPTY_ROOT, leaf_hash
from green_logic.proof.pinned import parse_public_keys
from green_logic.proof.statement import Claims, read_claims
from green_logic.proof.vector import parse_vector
from green_logic.strict_json import excerpt

VECTORS_KEPT = 1024  # about 20 MB
_SQL = """
SELECT l.leaf_index, l.battle_row, l.envelope, l.leaf_hash, l.battle_sha256, l.evidence_sha256, l.dbom_sha256,
       b.battle_id, b.timestamp, b.score, b.breakdown, b.raw_result, b.dbom_hash,
       typeof(l.battle_row) || typeof(l.envelope) || typeof(l.leaf_hash) || typeof(l.battle_sha256)
       || typeof(l.evidence_sha256) || typeof(l.dbom_sha256) || typeof(b.battle_id) || typeof(b.timestamp)
       || typeof(b.score) || typeof(b.breakdown) || typeof(b.raw_result) || typeof(b.dbom_hash)
FROM ledger l LEFT JOIN battles b ON b.id = l.battle_row
WHERE l.leaf_index >= ? AND l.leaf_index < ? ORDER BY l.leaf_index
"""
_TYPES = b"integertextblobtexttextblobtexttextrealtexttexttext"
_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a planted link or pipe must not lead astray


class LedgerRow(NamedTuple):
    """What _SQL selects; texts as bytes. A tampered column may hold a value of any type, which `types` tells."""

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


@dataclass(frozen=True)
class Trust:
    """Whose signatures count on a ledger: key id → key, and the ranges of leaves (first leaf, key id), in order."""

    origin: str
    keys: Mapping[str, PublicKey]
    ranges: tuple[tuple[int, str], ...]
    vouched: int = 0  # leaves under a root that is signed: their own signatures may be left out

    def pack(self) -> tuple[str, list[bytes], tuple[tuple[int, str], ...], int]:
        """The same as plain values, for another process."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        pems = [key.public_bytes(serialization.Encoding.PEM, form) for key in self.keys.values()]
        return self.origin, pems, self.ranges, self.vouched

    @classmethod
    def unpack(cls, origin: str, pems: list[bytes], ranges: tuple[tuple[int, str], ...], vouched: int) -> Trust:
        """What was packed."""
        return cls(origin, parse_public_keys(b"".join(pems), "the trusted keys") if pems else {}, ranges, vouched)

    def keyid_of(self, leaf: int) -> str:
        """Id of the key that signs `leaf`."""
        return next(keyid for first, keyid in reversed(self.ranges) if first <= leaf)


@dataclass
class RangeResult:
    """What one range gave: findings, and the hashes of its leaves as they really are."""

    first: int
    hashes: list[bytes] = field(default_factory=list)
    rows: int = 0
    files: int = 0
    tally: Tally = field(default_factory=Tally)


class RowAuditor:
    """Checks ranges of leaves over one read-only connection; close it afterwards."""

    def __init__(self, connection: sqlite3.Connection, dboms: Path, trust: Trust, *, kept: int) -> None:
        connection.text_factory = bytes  # no decoding of what is only hashed, and no crash on bad UTF-8
        self._connection = connection
        self._trust = trust
        self._kept = kept
        self._folder = os.open(dboms, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) if dboms.is_dir() else -1

    def close(self) -> None:
        """Leave the folder."""
        if self._folder >= 0:
            os.close(self._folder)

    def check_range(self, first: int, last: int) -> RangeResult:
        """Leaves `first` to `last - 1`; a leaf that cannot be read counts as missing."""
        result = RangeResult(first, tally=Tally(self._kept))
        try:
            for row in map(LedgerRow._make, self._connection.execute(_SQL, (first, last))):
                self._fill(result, row.leaf)
                result.hashes.append(leaf_hash(_bytes(row.envelope)))
                for finding in self._check_row(row, result):
                    result.tally.add(finding)
        except sqlite3.DatabaseError as error:
            where = f"leaf {first + len(result.hashes)}"
            result.tally.add(Finding("database", where, str(error)))
        self._fill(result, last)
        return result

    def _fill(self, result: RangeResult, index: int) -> None:
        while result.first + len(result.hashes) < index:
            where = f"leaf {result.first + len(result.hashes)}"
            result.tally.add(Finding("leaf-gap", where, "is not in the log"))
            result.hashes.append(EMPTY_ROOT)  # no leaf has this hash, so no root can match by accident

    def _check_row(self, row: LedgerRow, result: RangeResult) -> Iterator[Finding]:
        if row.battle_id is None:
            yield Finding("leaf-without-row", f"leaf {row.leaf}", f"row {row.battle_row} is gone")
            return
        result.rows += 1
        where = _text(row.battle_id)
        if row.battle_row != row.leaf + 1:  # ids are given in the order of the log, without gaps
            yield Finding(
                "row-order", where, f"row {row.battle_row} holds leaf {row.leaf}, expected row {row.leaf + 1}"
            )
        if row.leaf_hash != result.hashes[-1]:
            yield Finding("leaf-hash", where, f"leaf {row.leaf} does not have the hash that is stored with it")
        if row.types != _TYPES:
            yield Finding("row", where, "a column holds a value of another type")
        try:
            sealed = _read_row(row, self._open(row.leaf, _text(row.envelope)))
        except VerificationError as error:
            yield Finding(error.kind, where, error.message)
            yield from self._check_file(where, None, result)
            return
        expected = sealed.dbom_bytes()
        if hashlib.sha256(expected).digest() != row.dbom_sha256:
            yield Finding("row", where, "ledger.dbom_sha256 is not the digest of its DBOM")
        yield from self._check_file(where, expected, result)

    def _open(self, leaf: int, envelope: str) -> Claims:
        statement, keyid = open_envelope(envelope, self._trust.keys, vouched_for=leaf < self._trust.vouched)
        claims = read_claims(statement)
        if claims.origin != self._trust.origin:
            raise VerificationError(f"leaf {leaf} was sealed for {claims.origin}", kind="ledger")
        if keyid != self._trust.keyid_of(leaf):
            raise VerificationError(f"leaf {leaf} is signed by {keyid}, which was not the ledger's", kind="key-range")
        return claims

    def _check_file(self, battle_id: str, expected: bytes | None, result: RangeResult) -> Iterator[Finding]:
        """The DBOM file of a row; `expected` is None when the row itself is broken, and the file is judged alone."""
        name = dbom_name(battle_id)
        data = self._read(name)
        if data is None:
            yield Finding("dbom-missing", name, "there is no such file")
            return
        result.files += 1
        if expected is None:
            yield from self._check_alone(name, data)
        elif data != expected:
            kind = "downgrade" if _version(data) == "1.0" else "dbom-differs"
            yield Finding(kind, name, _difference(data, expected))

    def _check_alone(self, name: str, data: bytes) -> Iterator[Finding]:
        try:
            check_dbom(data, self._trust.keys, name=name, origin=self._trust.origin)
        except VerificationError as error:
            yield Finding("downgrade" if error.kind == "legacy-unsigned" else "dbom-differs", name, error.message)

    def _read(self, name: str) -> bytes | None:
        if self._folder < 0 or "/" in name or "\0" in name:
            return None
        try:
            descriptor = os.open(name, _OPEN_FLAGS, dir_fd=self._folder)
        except OSError:
            return None
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return None
            return os.read(descriptor, min(status.st_size, SIZE_LIMIT) + 1)
        except OSError:
            return None
        finally:
            os.close(descriptor)


def _read_row(row: LedgerRow, claims: Claims) -> Sealed:
    """The row as it was sealed. Raises VerificationError of kind "row" or "h_delta" where it is not what was signed."""
    battle_id, timestamp, h_delta = _text(row.battle_id), _text(row.timestamp), _text(row.dbom_hash)
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
    raw_result = _bytes(row.raw_result)
    if hashlib.sha256(raw_result).hexdigest() != claims.h_delta:
        raise VerificationError("battles.raw_result is not what h_delta was taken of", kind="h_delta")
    return Sealed(
        battle_id=battle_id,
        raw_result=raw_result,
        h_delta=h_delta,
        score=row.score,
        breakdown=_text(row.breakdown),
        timestamp=timestamp,
        envelope=_text(row.envelope),
        vector=_check_result(row, raw_result, claims),
        battle_sha256=_text(row.battle_sha256),
        evidence_sha256=_text(row.evidence_sha256),
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
    if not _is_breakdown(_text(row.breakdown), evaluation.get("breakdown", result.get("breakdown"))):
        raise VerificationError("battles.breakdown is not what raw_result has", kind="row")
    if _text(row.battle_sha256) != str(result.get("battle_sha256", "")):
        raise VerificationError("ledger.battle_sha256 is not what raw_result has", kind="row")
    if _text(row.evidence_sha256) != _evidence_digest(result, claims.h_delta):
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


def _version(data: bytes) -> object:
    try:
        return parse_dbom(data)["dbom_version"]
    except VerificationError:
        return None


def _difference(data: bytes, expected: bytes) -> str:
    at = next((n for n, pair in enumerate(zip(data, expected, strict=False)) if pair[0] != pair[1]), -1)
    at = at if at >= 0 else min(len(data), len(expected))
    return f"is not what its row and seal make, from byte {at} on ({len(data)} bytes, expected {len(expected)})"


def _bytes(value: object) -> bytes:
    # a tampered column may hold anything; its type is a finding of its own
    return value if isinstance(value, bytes) else str(value).encode()


def _text(value: object) -> str:
    return _bytes(value).decode("utf-8", "backslashreplace")
