"""Reading the ledger's rows in windows.

A window is bounded by bytes and chosen from the data alone, so that the same ledger always gives the same row groups.
Each is a short transaction of its own, which keeps no writer's WAL from being folded.

The standard library's SQLite hands out a row faster here than an Arrow driver does, whose texts would have to be
copied out of Arrow again to be parsed (measured): results and envelopes come as bytes, and are hashed and parsed as
they are.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from green_logic.errors import VerificationError
from green_logic.ledger.schema import database_errors

WINDOW_ROWS = 8192
WINDOW_BYTES = 16 << 20  # of text, signatures and vectors; all processes together then stay below 500 MB
VECTOR_BYTES = 1536  # of a row beside its texts: a vector of 384 floats, and the small columns
BUSY_TIMEOUT_S = 60.0  # a reader waits only while another connection mends the WAL after a crash
# what is parsed comes as bytes; the CAST costs nothing, and a BLOB in any other column then shows by its type
_ROWS = """
SELECT b.id, b.battle_id, b.timestamp, b.score, b.breakdown, CAST(b.raw_result AS BLOB), b.dbom_hash,
       CAST(l.envelope AS BLOB), l.leaf_index
FROM battles b LEFT JOIN ledger l ON l.battle_row = b.id
WHERE b.id > ? AND b.id <= ? ORDER BY b.id LIMIT ?
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
        while rows := _read_window(connection, after, last):
            yield Rows(*zip(*rows, strict=True))
            after = rows[-1][0]


def _read_window(connection: sqlite3.Connection, after: int, last: int) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    size = 0
    with contextlib.closing(connection.execute(_ROWS, (after, last, WINDOW_ROWS))) as cursor:
        try:
            for row in cursor:
                size += len(row[5] or b"") + len(row[7] or b"") + VECTOR_BYTES
                if size > WINDOW_BYTES and rows:
                    break  # this one opens the next window
                rows.append(row)
        except sqlite3.OperationalError as error:
            if "decode" not in str(error):
                raise
            end = rows[-1][0] if rows else after
            raise VerificationError(f"the row after {end}: {error}", kind="schema") from error
    return rows
