"""Reading the ledger's rows in windows.

A window is bounded by bytes and chosen from the data alone, so that the same ledger always gives the same row groups.
Each is a short transaction of its own, which keeps no writer's WAL from being folded.

The standard library's SQLite hands out a row faster here than an Arrow driver does, whose texts would have to be
copied out of Arrow again to be parsed (measured): results and envelopes come as bytes, and are hashed and parsed as
they are. Rows and leaves are read one after the other: a join goes back and forth between two places of the database,
which costs a quarter more (measured).
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from green_logic.errors import VerificationError
from green_logic.ledger.schema import database_errors

WINDOW_ROWS = 2048
WINDOW_BYTES = 4 << 20  # of text, signatures and vectors
BESIDE_BYTES = 3072  # of a row beside its result: an envelope, a vector of 384 floats, and the small columns
CACHE_KB = 64  # of pages, none of which is needed twice; this much stays in the processor's own cache
BUSY_TIMEOUT_S = 60.0  # a reader waits only while another connection mends the WAL after a crash
# what is parsed comes as bytes; the CAST costs nothing, and a BLOB in any other column then shows by its type
_BATTLES = """
SELECT id, battle_id, timestamp, score, breakdown, CAST(raw_result AS BLOB), dbom_hash
FROM battles WHERE id > ? AND id <= ? ORDER BY id LIMIT ?
"""
_LEAVES = """
SELECT battle_row, CAST(envelope AS BLOB), leaf_index
FROM ledger WHERE battle_row > ? AND battle_row <= ? ORDER BY battle_row
"""


class Rows(NamedTuple):
    """The columns of one window as they lie in the ledger. `envelope` and `leaf_index` are None without a leaf."""

    id: Sequence[int]
    battle_id: Sequence[str]
    timestamp: Sequence[str]
    score: Sequence[float]
    breakdown: Sequence[str | None]
    raw_result: Sequence[bytes]
    dbom_hash: Sequence[str]
    envelope: Sequence[bytes | None]
    leaf_index: Sequence[int | None]


def read_windows(database: Path, *, after: int, last: int) -> Iterator[Rows]:
    """Windows of the rows with `after` < id <= `last`, in the order of ids. Values are not checked here.

    Raises VerificationError for a damaged database and for texts that are not UTF-8, StorageError.
    """
    # mode=ro: a reader never folds the WAL, which SQLite before 3.51.3 cannot survive beside a writer that does
    uri = f"{database.absolute().as_uri()}?mode=ro"
    with (
        database_errors(database),
        contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_S)) as connection,
    ):
        connection.execute(f"PRAGMA cache_size = -{CACHE_KB}")
        while battles := _read_battles(connection, after, last):
            columns = list(zip(*battles, strict=True))
            ids = columns[0]
            yield Rows._make([*columns, *_read_leaves(connection, after, ids)])
            after = ids[-1]


def _read_battles(connection: sqlite3.Connection, after: int, last: int) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    size = 0
    with contextlib.closing(connection.execute(_BATTLES, (after, last, WINDOW_ROWS))) as cursor:
        try:
            for row in cursor:
                size += len(row[5] or b"") + BESIDE_BYTES
                if size > WINDOW_BYTES and rows:
                    break  # this one opens the next window
                rows.append(row)
        except sqlite3.OperationalError as error:
            if "decode" not in str(error):
                raise
            end = rows[-1][0] if rows else after
            raise VerificationError(f"the row after {end}: {error}", kind="schema") from error
    return rows


def _read_leaves(
    connection: sqlite3.Connection, after: int, ids: Sequence[int]
) -> tuple[Sequence[bytes | None], Sequence[int | None]]:
    """Envelope and leaf index of each row, None without a leaf."""
    leaves = connection.execute(_LEAVES, (after, ids[-1])).fetchall()
    rows, envelopes, indices = zip(*leaves, strict=True) if leaves else ((), (), ())
    if rows != ids:  # some have none
        found = {row: (envelope, index) for row, envelope, index in leaves}
        envelopes, indices = zip(*(found.get(row, (None, None)) for row in ids), strict=True)
    return envelopes, indices
