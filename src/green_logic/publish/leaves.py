"""Where archives and backups take DBOMs from: the folder, and the rows for what the folder lacks."""

from __future__ import annotations

import contextlib
import hashlib
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from green_logic.errors import LedgerMissingError
from green_logic.ledger.reading import open_for_reading
from green_logic.ledger.recovery import rebuild
from green_logic.ledger.schema import check_schema, database_errors
from green_logic.proof.dbom import dbom_name
from green_logic.publish.tarblocks import Member
from green_logic.settings import Settings

Progress = Callable[[str, int, int], None]  # what is being done, how many are done, of how many
_VECTOR = re.compile(rb'"v_intent":\s*\[[^\]]*\]')


@dataclass(frozen=True, slots=True)
class Leaf:
    """One entry of the log with the digest that its DBOM file must have."""

    leaf_index: int
    battle_id: str
    timestamp: str
    dbom_sha256: bytes


def no_progress(_stage: str, _done: int, _total: int) -> None:
    """For callers that nobody watches."""


@contextlib.contextmanager
def open_beside_writers(settings: Settings) -> Iterator[sqlite3.Connection]:
    """A read-only connection that keeps no writer out, however long it is open.

    `open_for_reading` holds a ledger that nobody has open shut meanwhile, which is wrong for work that takes minutes.
    The price is an empty WAL beside the database. Raises LedgerMissingError, StorageError, VerificationError.
    """
    database = settings.database
    if not database.is_file():
        raise LedgerMissingError(f"no ledger in {database.parent}/", hint="green-logic run BATTLES.jsonl makes one")
    with database_errors(database), contextlib.ExitStack() as stack:
        uri = f"{database.absolute().as_uri()}?mode=ro"
        connection = stack.enter_context(
            contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=settings.busy_timeout_s))
        )
        try:
            check_schema(connection, database)
        except sqlite3.OperationalError:  # a directory in which no WAL can be made: there is no writer either
            connection = stack.enter_context(open_for_reading(settings))
            connection.execute("PRAGMA query_only = OFF")  # it forbids VACUUM INTO; the connection stays read-only
        yield connection


def read_leaves(connection: sqlite3.Connection, first: int, last: int) -> list[Leaf]:
    """Leaves `first` to `last`, both included."""
    rows = connection.execute(
        "SELECT l.leaf_index, b.battle_id, b.timestamp, l.dbom_sha256 "
        "FROM ledger l JOIN battles b ON b.id = l.battle_row WHERE l.leaf_index BETWEEN ? AND ? ORDER BY l.leaf_index",
        (first, last),
    )
    return [Leaf(*row) for row in rows]


def read_dbom(connection: sqlite3.Connection, directory: Path, leaf: Leaf) -> bytes:
    """The DBOM of a leaf: its file, or the same bytes rebuilt from the row when the file is gone or another.

    Raises VerificationError when the row is damaged too.
    """
    data = read_own_file(directory, leaf)
    return rebuild(connection, leaf.battle_id) if data is None else data


def read_own_file(directory: Path, leaf: Leaf) -> bytes | None:
    """Content of the file of a leaf; None when it is gone, or another, or no file at all."""
    path = directory / dbom_name(leaf.battle_id)
    with contextlib.suppress(FileNotFoundError):
        # a pipe would wait for whoever writes to it
        data = path.read_bytes() if path.is_file() else b""
        return data if hashlib.sha256(data).digest() == leaf.dbom_sha256 else None
    return None


def ordered_members(
    connection: sqlite3.Connection, directory: Path, leaves: Sequence[Leaf], progress: Progress = no_progress
) -> Iterator[Member]:
    """The DBOMs of `leaves` by vector, then name: the battles of one task share their vector, which is most of a DBOM.

    Reads every DBOM twice, which bounds the memory at one frame.
    """
    order = []
    for number, leaf in enumerate(leaves):
        progress("reading DBOMs", number, len(leaves))
        order.append((vector_key(read_dbom(connection, directory, leaf)), dbom_name(leaf.battle_id), number))
    for done, (_, name, number) in enumerate(sorted(order)):
        progress("packing DBOMs", done, len(leaves))
        leaf = leaves[number]
        yield Member(name, read_dbom(connection, directory, leaf), _unix_time(leaf.timestamp))


def vector_key(dbom: bytes) -> bytes:
    """Equal for DBOMs whose `v_intent` is the same text."""
    found = _VECTOR.search(dbom)
    return hashlib.sha256(found[0] if found else b"").digest()


def _unix_time(timestamp: str) -> int:
    return int(datetime.fromisoformat(timestamp).timestamp())
