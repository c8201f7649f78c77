"""Reading the ledger's rows in windows.

A window is bounded by bytes and chosen from the data alone, so that the same ledger always gives the same row groups.
It is read in two short transactions, which keep no writer's WAL from being folded: what is read never changes.

The standard library's SQLite hands out a row faster here than an Arrow driver does, whose texts would have to be
copied out of Arrow again to be parsed (measured): results and envelopes come as bytes, and are hashed and parsed as
they are. Rows and leaves are read one after the other: a join goes back and forth between two places of the database,
which costs a quarter more (measured).
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from green_logic.errors import VerificationError
from green_logic.ledger.schema import database_errors

WINDOW_ROWS = 2048
WINDOW_BYTES = 4 << 20  # of results and vectors, and as much of signatures
BESIDE_BYTES = 1536  # of a row beside its texts: a vector of 384 floats, and the small columns
CACHE_KB = 64  # of pages, none of which is needed twice; this much stays in the processor's own cache
UNSIGNED_HINT = "green-logic verify tells which rows have no signature"
BUSY_TIMEOUT_S = 60.0  # a reader waits only while another connection mends the WAL after a crash
# what is parsed comes as bytes; the CAST costs nothing, and a BLOB in any other column then shows by its type
_BATTLES = """
SELECT id, battle_id, timestamp, score, breakdown, CAST(raw_result AS BLOB), dbom_hash
FROM battles WHERE id > ? AND id <= ? ORDER BY id LIMIT ?
"""
_LEAVES = """
SELECT battle_row, CAST(envelope AS BLOB), leaf_index
FROM ledger WHERE battle_row >= ? AND battle_row <= ? AND envelope IS NOT NULL ORDER BY battle_row
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

    Raises VerificationError for a damaged database, texts that are not UTF-8 and rows without a leaf, StorageError.
    """
    # mode=ro: a reader never folds the WAL, which SQLite before 3.51.3 cannot survive beside a writer that does
    uri = f"{database.absolute().as_uri()}?mode=ro"
    with (
        database_errors(database),
        contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_S)) as connection,
    ):
        connection.execute(f"PRAGMA cache_size = -{CACHE_KB}")
        while battles := _read_battles(connection, after, last):
            rows = _join(battles, _read_leaves(connection, battles[0][0], battles[-1][0]))
            yield rows
            after = rows.id[-1]


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


def _read_leaves(connection: sqlite3.Connection, first: int, last: int) -> list[tuple[int, bytes, int]]:
    """Row, envelope and leaf index of the rows, or of as many as make no window larger than its bound."""
    leaves: list[tuple[int, bytes, int]] = []
    size = 0
    with contextlib.closing(connection.execute(_LEAVES, (first, last))) as cursor:
        for leaf in cursor:
            size += len(leaf[1])
            if size > WINDOW_BYTES and leaves:
                break
            leaves.append(leaf)
    return leaves


def _join(battles: Sequence[tuple[Any, ...]], leaves: Sequence[tuple[int, bytes, int]]) -> Rows:
    """The rows up to the first whose leaf was not read. Raises VerificationError when that is the first of all."""
    columns = list(zip(*battles, strict=True))
    numbers, envelopes, indices = zip(*leaves, strict=True) if leaves else ((), (), ())
    if numbers == columns[0]:
        return Rows._make([*columns, envelopes, indices])
    found = {number: leaf for number, *leaf in leaves}
    joined = [(*battle, *found[battle[0]]) for battle in takewhile(lambda battle: battle[0] in found, battles)]
    if not joined:
        raise VerificationError(f"row {battles[0][0]} has no signature", kind="export", hint=UNSIGNED_HINT)
    return Rows._make(zip(*joined, strict=True))
