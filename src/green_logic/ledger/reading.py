"""Reading a ledger without writing to its directory: no lock file, WAL or index is made that was not there."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from green_logic.errors import LedgerMissingError, StorageError
from green_logic.ledger.schema import check_schema, read_meta


@dataclass(frozen=True)
class LedgerState:
    """A ledger at a glance."""

    origin: str
    keyid: str
    battles: int
    mean_score: float | None
    last_timestamp: str | None
    size_bytes: int
    wal_bytes: int


@contextlib.contextmanager
def open_for_reading(database: Path, lock: Path) -> Iterator[sqlite3.Connection]:
    """A read-only connection. Raises LedgerMissingError when there is no ledger, StorageError when it cannot be read."""
    if not database.is_file():
        raise LedgerMissingError(f"no ledger in {database.parent}/", hint="green-logic run BATTLES.jsonl makes one")
    with contextlib.ExitStack() as stack:
        mode = "mode=ro"
        if not _wal(database).exists():
            # Nobody has it open. Without a WAL an ordinary reader would make one, so read it as a fixed file, and keep
            # writers out meanwhile.
            _share(lock, stack)
            mode = "mode=ro" if _wal(database).exists() else "mode=ro&immutable=1"
        uri = f"file:{urllib.parse.quote(str(database.absolute()))}?{mode}"
        try:
            connection = stack.enter_context(contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)))
            connection.execute("PRAGMA query_only = ON")
            check_schema(connection, database)
            yield connection
        except sqlite3.DatabaseError as error:
            raise StorageError(f"{database}: {error}") from error


def read_state(database: Path, lock: Path) -> LedgerState:
    """Counts and dates of a ledger."""
    with open_for_reading(database, lock) as connection:
        meta = read_meta(connection)
        battles, mean = connection.execute("SELECT count(*), avg(score) FROM battles").fetchone()
        last = connection.execute("SELECT timestamp FROM battles ORDER BY id DESC LIMIT 1").fetchone()
    wal = _wal(database)
    return LedgerState(
        meta["origin"],
        meta["keyid"],
        battles,
        mean,
        last[0] if last else None,
        database.stat().st_size,
        wal.stat().st_size if wal.exists() else 0,
    )


def _wal(database: Path) -> Path:
    return database.with_name(database.name + "-wal")


def _share(lock: Path, stack: contextlib.ExitStack) -> None:
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    stack.callback(os.close, descriptor)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
