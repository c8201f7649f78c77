"""Every row of a copied ledger against its hash, its DBOM file, its leaf and its seal. Nobody may write to the copy."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from green_logic.errors import ConfigurationError, VerificationError
from green_logic.ledger.endless import bound_steps
from green_logic.ledger.log import Log
from green_logic.ledger.row_check import RowCheck, Trust
from green_logic.ledger.schema import check_schema, database_errors, key_ranges, read_meta
from green_logic.proof.keys import PublicKey
from green_logic.proof.pinned import load_public_keys
from green_logic.publish.leaves import Progress, no_progress
from green_logic.publish.retention import root_of
from green_logic.settings import PUBLIC_NAME, Settings

RANGE = 2048  # rows between two words of progress


@dataclass(frozen=True)
class Inspected:
    """A ledger of which everything was checked."""

    origin: str
    keyids: tuple[str, ...]
    ledger_size: int
    root: str  # of the log, in hex; empty without a leaf


@contextlib.contextmanager
def open_copy(database: Path) -> Iterator[sqlite3.Connection]:
    """A copied ledger as a fixed file: nothing is made beside it. Raises VerificationError, StorageError."""
    uri = f"{database.absolute().as_uri()}?mode=ro&immutable=1"
    with (
        database_errors(database),
        contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection,
    ):
        bound_steps(connection, database)
        check_schema(connection, database)
        yield connection


def inspect_copy(data_dir: Path, progress: Progress = no_progress) -> Inspected:
    """Check everything in a copied data directory against its own `judge.pub`, every signature included.

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
        trust = Trust(meta["origin"], keys, tuple(key_ranges(meta)))
        (battles,) = connection.execute("SELECT count(*) FROM battles").fetchone()
        (leaves,) = connection.execute("SELECT count(*) FROM ledger").fetchone()
        _check_rows(connection, settings.dboms, trust, leaves, progress)
        root = root_of(Log(connection), leaves)
    files = sum(1 for _ in settings.dboms.iterdir())
    if not battles == leaves == files:
        raise VerificationError(f"{battles} battles, {leaves} leaves and {files} DBOM files", kind="count")
    return Inspected(trust.origin, tuple(keyid for _, keyid in trust.ranges), leaves, root)


def _check_rows(connection: sqlite3.Connection, dboms: Path, trust: Trust, leaves: int, progress: Progress) -> None:
    with contextlib.closing(RowCheck(connection, dboms, trust, kept=1)) as check:
        for first in range(0, leaves, RANGE):
            progress("checking rows", first, leaves)
            found = check.check_range(first, min(first + RANGE, leaves)).tally.first()
            if found is not None:
                raise VerificationError(f"{found.where}: {found.message}", kind=found.kind)


def load_keys(data_dir: Path) -> dict[str, PublicKey]:
    """The public keys that lie with the data. Raises VerificationError when there is none."""
    try:
        return load_public_keys([data_dir / PUBLIC_NAME])
    except ConfigurationError as error:
        raise VerificationError(error.message, kind="public-key") from error
