"""Every row of a copied ledger against its hash, its DBOM file, its leaf and its seal. Nobody may write to the copy."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from green_logic.errors import ConfigurationError, VerificationError
from green_logic.ledger.schema import check_schema, database_errors, key_ranges, leaf_hash, read_meta
from green_logic.proof.dbom import check_dbom, dbom_name, rebuild_dbom
from green_logic.proof.keys import PUBLIC_NAME, PublicKey
from green_logic.proof.pinned import load_public_keys
from green_logic.publish.leaves import Progress, no_progress
from green_logic.settings import Settings

_ROWS = (
    "SELECT l.leaf_index, l.envelope, l.leaf_hash, l.dbom_sha256, b.battle_id, b.timestamp, b.score, b.raw_result, "
    "b.dbom_hash FROM ledger l JOIN battles b ON b.id = l.battle_row ORDER BY l.leaf_index"
)


@dataclass(frozen=True)
class Inspected:
    """A ledger of which everything was checked."""

    origin: str
    keyids: tuple[str, ...]
    ledger_size: int


@contextlib.contextmanager
def open_copy(database: Path) -> Iterator[sqlite3.Connection]:
    """A copied ledger as a fixed file: nothing is made beside it. Raises VerificationError, StorageError."""
    uri = f"{database.absolute().as_uri()}?mode=ro&immutable=1"
    with (
        database_errors(database),
        contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection,
    ):
        check_schema(connection, database)
        yield connection


def inspect_copy(data_dir: Path, progress: Progress = no_progress) -> Inspected:
    """Check everything in a copied data directory against its own `judge.pub`.

    Raises VerificationError for the first thing that is not what was sealed. Not checked: whether the key is the
    judge's, and whether rows were dropped; that takes a key and a checkpoint from elsewhere (green-logic verify).
    """
    settings = Settings(data_dir=data_dir)
    keys = load_keys(data_dir)
    with open_copy(settings.database) as connection:
        broken = [text for (text,) in connection.execute("PRAGMA integrity_check") if text != "ok"]
        if broken:
            raise VerificationError(f"{settings.database}: {broken[0]}", kind="database")
        meta = read_meta(connection)
        (battles,) = connection.execute("SELECT count(*) FROM battles").fetchone()
        cursor = connection.cursor()
        cursor.row_factory = sqlite3.Row
        size = 0
        for row in cursor.execute(_ROWS):
            progress("checking rows", size, battles)
            _check_row(row, size, settings.dboms, keys, meta["origin"])
            size += 1
    _check_counts(settings.dboms, battles, size)
    return Inspected(meta["origin"], tuple(keyid for _, keyid in key_ranges(meta)), size)


def load_keys(data_dir: Path) -> dict[str, PublicKey]:
    """The public keys that lie with the data. Raises VerificationError when there is none."""
    try:
        return load_public_keys([data_dir / PUBLIC_NAME])
    except ConfigurationError as error:
        raise VerificationError(error.message, kind="public-key") from error


def _check_row(row: sqlite3.Row, number: int, dboms: Path, keys: Mapping[str, PublicKey], origin: str) -> None:
    battle_id = row["battle_id"]
    raw_result = row["raw_result"].encode()
    data = rebuild_dbom(
        battle_id=battle_id,
        raw_result=raw_result,
        score=row["score"],
        timestamp=row["timestamp"],
        envelope=row["envelope"],
    )
    promises: list[tuple[str, Any, Any]] = [
        ("leaf_index", number, row["leaf_index"]),
        ("dbom_hash", hashlib.sha256(raw_result).hexdigest(), row["dbom_hash"]),
        ("leaf_hash", leaf_hash(row["envelope"]), row["leaf_hash"]),
        ("dbom_sha256", hashlib.sha256(data).digest(), row["dbom_sha256"]),
        ("DBOM file", data, _read(dboms / dbom_name(battle_id))),
    ]
    for name, expected, found in promises:
        if expected != found:
            raise VerificationError(f"{battle_id}: its {name} does not fit its row", kind=name)
    check_dbom(data, keys, origin=origin, raw_result=raw_result)


def _check_counts(dboms: Path, battles: int, leaves: int) -> None:
    files = sum(1 for _ in dboms.iterdir())
    if not battles == leaves == files:
        raise VerificationError(f"{battles} battles, {leaves} leaves and {files} DBOM files", kind="count")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
