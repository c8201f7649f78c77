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

from cryptography.hazmat.primitives import serialization

from green_logic.errors import VerificationError
from green_logic.ledger.endless import ENDLESS, INTERRUPTED
from green_logic.ledger.findings import Finding, Tally
from green_logic.ledger.sealed_row import ROWS, TYPES, LedgerRow, as_bytes, read_row, read_texts
from green_logic.ledger.shelf import find_pruned
from green_logic.proof.dbom import SIZE_LIMIT, check_dbom, dbom_name, parse_dbom
from green_logic.proof.envelope import open_envelope
from green_logic.proof.keys import PublicKey
from green_logic.proof.merkle import EMPTY_ROOT, leaf_hash
from green_logic.proof.pinned import parse_public_keys
from green_logic.proof.statement import Claims, read_claims

ABSENT = "there is no such file"
_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a planted link or pipe must not lead astray


@dataclass(frozen=True)
class Trust:
    """Whose signatures count on a ledger: key id → key, and the ranges of leaves (first leaf, key id), in order."""

    origin: str
    keys: Mapping[str, PublicKey]
    ranges: tuple[tuple[int, str], ...]
    vouched: int = 0  # leaves under a root that is signed: their own signatures may be left out
    pruned: tuple[tuple[int, int], ...] = ()  # first and last leaf of archives that stand in for the DBOM files

    def pack(self) -> tuple[str, list[bytes], tuple[tuple[int, str], ...], int, tuple[tuple[int, int], ...]]:
        """The same as plain values, for another process."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        pems = [key.public_bytes(serialization.Encoding.PEM, form) for key in self.keys.values()]
        return self.origin, pems, self.ranges, self.vouched, self.pruned

    @classmethod
    def unpack(
        cls,
        origin: str,
        pems: list[bytes],
        ranges: tuple[tuple[int, str], ...],
        vouched: int,
        pruned: tuple[tuple[int, int], ...],
    ) -> Trust:
        """What was packed."""
        keys = parse_public_keys(b"".join(pems), "the trusted keys") if pems else {}
        return cls(origin, keys, ranges, vouched, pruned)

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


class RowCheck:
    """Checks ranges of leaves over one read-only connection; close it afterwards."""

    def __init__(self, connection: sqlite3.Connection, dboms: Path, trust: Trust, *, kept: int) -> None:
        connection.text_factory = bytes  # no decoding of what is only hashed, and no crash on bad UTF-8
        self._connection = connection
        self._trust = trust
        self._kept = kept
        self._data_dir = dboms.parent
        self._pruned, self._looked_again = trust.pruned, False
        self._folder = os.open(dboms, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) if dboms.is_dir() else -1

    def close(self) -> None:
        """Leave the folder."""
        if self._folder >= 0:
            os.close(self._folder)

    def check_range(self, first: int, last: int) -> RangeResult:
        """Leaves `first` to `last - 1`; a leaf that cannot be read counts as missing."""
        result = RangeResult(first, tally=Tally(self._kept))
        self._looked_again = False
        try:
            for row in map(LedgerRow._make, self._connection.execute(ROWS, (first, last))):
                if row.leaf < first + len(result.hashes):
                    result.tally.add(Finding("database", f"leaf {row.leaf}", ENDLESS))
                    break
                self._fill(result, row.leaf)
                result.hashes.append(leaf_hash(as_bytes(row.envelope)))
                for finding in self._check_row(row, result):
                    result.tally.add(finding)
        except sqlite3.DatabaseError as error:
            where = f"leaf {first + len(result.hashes)}"
            text = str(error)
            result.tally.add(Finding("database", where, ENDLESS if text == INTERRUPTED else text))
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
        texts = read_texts(row)
        where = texts.battle_id
        if row.battle_row != row.leaf + 1:  # ids are given in the order of the log, without gaps
            yield Finding(
                "row-order", where, f"row {row.battle_row} holds leaf {row.leaf}, expected row {row.leaf + 1}"
            )
        if row.leaf_hash != result.hashes[-1]:
            yield Finding("leaf-hash", where, f"leaf {row.leaf} does not have the hash that is stored with it")
        if row.types != TYPES:
            yield Finding("row", where, "a column holds a value of another type")
        try:
            sealed = read_row(row, texts, self._open(row.leaf, texts.envelope))
        except VerificationError as error:
            yield Finding(error.kind, where, error.message)
            yield from self._check_file(row.leaf, where, None, result)
            return
        expected = sealed.dbom_bytes()
        if hashlib.sha256(expected).digest() != row.dbom_sha256:
            yield Finding("row", where, "ledger.dbom_sha256 is not the digest of its DBOM")
        yield from self._check_file(row.leaf, where, expected, result)

    def _open(self, leaf: int, envelope: str) -> Claims:
        statement, keyid = open_envelope(envelope, self._trust.keys, vouched_for=leaf < self._trust.vouched)
        claims = read_claims(statement)
        if claims.origin != self._trust.origin:
            raise VerificationError(f"leaf {leaf} was sealed for {claims.origin}", kind="ledger")
        if keyid != self._trust.keyid_of(leaf):
            raise VerificationError(f"leaf {leaf} is signed by {keyid}, which was not the ledger's", kind="key-range")
        return claims

    def _check_file(self, leaf: int, battle_id: str, expected: bytes | None, result: RangeResult) -> Iterator[Finding]:
        """The DBOM file of a row; `expected` is None when the row itself is broken, and the file is judged alone."""
        name = dbom_name(battle_id)
        data = self._read(name)
        if isinstance(data, str):
            if self._is_pruned(leaf):
                result.files += 1  # it was pruned; check_archives looks into the archive that has it
            else:
                yield Finding("dbom-missing", name, data)
            return
        result.files += 1
        if expected is None:
            yield from self._check_alone(name, data)
        elif data != expected:
            kind = "downgrade" if _version(data) == "1.0" else "dbom-differs"
            yield Finding(kind, name, _difference(data, expected))

    def _is_pruned(self, leaf: int) -> bool:
        if any(first <= leaf <= last for first, last in self._pruned):
            return True
        if self._looked_again:  # once in a range: of very many missing files most are just missing
            return False
        # a file that goes while we are at work was pruned after its mark came
        self._pruned, self._looked_again = (*self._trust.pruned, *find_pruned(self._data_dir)), True
        return self._is_pruned(leaf)

    def _check_alone(self, name: str, data: bytes) -> Iterator[Finding]:
        try:
            check_dbom(data, self._trust.keys, name=name, origin=self._trust.origin)
        except VerificationError as error:
            yield Finding("downgrade" if error.kind == "legacy-unsigned" else "dbom-differs", name, error.message)

    def _read(self, name: str) -> bytes | str:
        """Content of a DBOM file, or why there is none."""
        if self._folder < 0 or "/" in name or "\0" in name:
            return ABSENT
        try:
            descriptor = os.open(name, _OPEN_FLAGS, dir_fd=self._folder)
            try:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    return "it is no file"
                return os.read(descriptor, min(status.st_size, SIZE_LIMIT) + 1)
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            return ABSENT
        except OSError as error:
            return f"it cannot be read: {error.strerror}"


def _version(data: bytes) -> object:
    try:
        return parse_dbom(data)["dbom_version"]
    except VerificationError:
        return None


def _difference(data: bytes, expected: bytes) -> str:
    at = next((n for n, pair in enumerate(zip(data, expected, strict=False)) if pair[0] != pair[1]), -1)
    at = at if at >= 0 else min(len(data), len(expected))
    return f"is not what its row and seal make, from byte {at} on ({len(data)} bytes, expected {len(expected)})"
