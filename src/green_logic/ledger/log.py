"""The Merkle log inside `battles.db`: its root at any size, proofs, and the checkpoints that the judge signs over it.

Of the tree only the hashes at heights 8, 16, 24 … are stored (32 bytes for 256 leaves), when a checkpoint covers them;
the others are folded from at most 255 neighbours. So a checkpoint costs what its new leaves cost, and a proof a few
milliseconds, at any size. All of it can be computed anew from the envelopes, and the audit does.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Literal

from green_logic.errors import ConfigurationError, VerificationError
from green_logic.files import write_file
from green_logic.proof.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, sign_checkpoint
from green_logic.proof.highwater import HighWater
from green_logic.proof.keys import SigningKey
from green_logic.proof.merkle import HASH_SIZE, consistency_proof, fold, inclusion_proof, leaf_hash, tree_root
from green_logic.proof.receipt import write_receipt
from green_logic.settings import CHECKPOINT_NAME

STEP = 8  # between two stored heights; 256 hashes are folded in 0.2 ms
TABLES = ("checkpoints", "log_nodes")


class Log:
    """Reads the tree of an open ledger. Raises VerificationError of kind "log" where a leaf or a hash is missing."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        # a ledger of schema 1 has leaves only, until it is next opened for writing
        self._has_nodes = has_log_tables(connection)

    def size(self) -> int:
        """Number of leaves; one step down the index, where counting would read all of it."""
        return int(self._connection.execute("SELECT coalesce(max(leaf_index) + 1, 0) FROM ledger").fetchone()[0])

    def root(self, size: int) -> bytes:
        """Root of the first `size` leaves."""
        return tree_root(self.subtree, size)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Proof that leaf `index` is among the first `size`."""
        return inclusion_proof(self.subtree, index, size)

    def consistency(self, first: int, second: int) -> list[bytes]:
        """Proof that the tree of `second` leaves begins with that of `first`."""
        return consistency_proof(self.subtree, first, second)

    def subtree(self, height: int, position: int) -> bytes:
        """Hash of a perfect subtree."""
        spread = height % STEP
        return fold(self._row(height - spread, position << spread, (position + 1) << spread))

    def add_nodes(self, sealed: int, size: int) -> None:
        """Store what a checkpoint over `size` leaves adds to one over `sealed`."""
        for height in range(STEP, size.bit_length(), STEP):
            for position in range(sealed >> height, size >> height):
                node = fold(self._row(height - STEP, position << STEP, (position + 1) << STEP))
                self._connection.execute("INSERT INTO log_nodes VALUES (?, ?, ?)", (height, position, node))

    def _row(self, height: int, first: int, last: int) -> list[bytes]:
        """Hashes from `first` to `last - 1` at a stored height."""
        if height == 0:
            query = "SELECT leaf_hash FROM ledger WHERE leaf_index >= ? AND leaf_index < ? ORDER BY leaf_index"
            hashes = [found for (found,) in self._connection.execute(query, (first, last))]
        else:
            hashes = self._stored(height, first, last)
            for position in range(first + len(hashes), last):  # not covered by a checkpoint yet
                hashes.append(fold(self._row(height - STEP, position << STEP, (position + 1) << STEP)))
        if len(hashes) != last - first or not all(isinstance(x, bytes) and len(x) == HASH_SIZE for x in hashes):
            raise VerificationError(f"the log lacks hashes at height {height} from {first} to {last - 1}", kind="log")
        return hashes

    def _stored(self, height: int, first: int, last: int) -> list[bytes]:
        if not self._has_nodes:
            return []
        query = "SELECT hash FROM log_nodes WHERE height = ? AND position >= ? AND position < ? ORDER BY position"
        return [found for (found,) in self._connection.execute(query, (height, first, last))]


def has_log_tables(connection: sqlite3.Connection) -> bool:
    """Whether the ledger has the tables for checkpoints."""
    query = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN (?, ?)"
    return bool(connection.execute(query, TABLES).fetchone()[0] == len(TABLES))


def newest_checkpoint(connection: sqlite3.Connection) -> Checkpoint | None:
    """The last checkpoint that was signed, not verified. Raises VerificationError of kind "note"."""
    if not has_log_tables(connection):
        return None
    row = connection.execute("SELECT note FROM checkpoints ORDER BY number DESC LIMIT 1").fetchone()
    return None if row is None else parse_checkpoint(str(row[0]).encode())


def find_leaf(connection: sqlite3.Connection, battle_id: str) -> tuple[int, str]:
    """Index and envelope of a recorded battle. Raises ConfigurationError when there is none."""
    query = "SELECT leaf_index, envelope FROM ledger WHERE battle_row = (SELECT id FROM battles WHERE battle_id = ?)"
    row = connection.execute(query, (battle_id,)).fetchone()
    if row is None:
        raise ConfigurationError(f"no battle {battle_id!r} on this ledger", hint="green-logic list shows them")
    return int(row[0]), str(row[1])


def prove(connection: sqlite3.Connection, battle_id: str) -> bytes:
    """The receipt of a recorded battle under the newest checkpoint. Raises ConfigurationError without one over it."""
    leaf, envelope = find_leaf(connection, battle_id)
    newest = newest_checkpoint(connection)
    if newest is None or newest.size <= leaf:
        raise ConfigurationError(
            f"battle {battle_id} is not under a checkpoint yet", hint="green-logic checkpoint signs one"
        )
    return write_receipt(envelope, leaf, Log(connection).inclusion(leaf, newest.size), newest)


def write_checkpoint(data_dir: Path, checkpoint: Checkpoint) -> None:
    """Put the note beside the data, whole and durable, unless it is there."""
    path, note = data_dir / CHECKPOINT_NAME, checkpoint.note.encode()
    if not path.is_file() or path.read_bytes() != note:
        write_file(path, note)


def seal_log(
    connection: sqlite3.Connection,
    origin: str,
    key: SigningKey,
    high_water: HighWater,
    *,
    successor: SigningKey | None = None,
    superseded: Path | None = None,
) -> Checkpoint:
    """The signed checkpoint of the log as it is, stored in the caller's transaction; an existing one if nothing is new.

    `successor` hands over to that key. `superseded` gives up what this key signed before and the log does not continue:
    the place for its note. The high-water file is durable before the signature can leave this process.
    Raises VerificationError of kind "rollback", "fork" or "log" when the log is not a continuation of what was signed.
    """
    log, known = Log(connection), high_water.find(origin)
    last = check_log(connection, origin, key, high_water if superseded is None else None)
    size, sealed = log.size(), last.size if last is not None else 0
    if last is not None and sealed == size and successor is None:
        if known is None or known.size < size or superseded is not None:
            high_water.keep(last, superseded=superseded)
        return last
    log.add_nodes(sealed, size)
    checkpoint = sign_checkpoint(origin, size, log.root(size), key, successor=successor)
    high_water.keep(checkpoint, superseded=superseded)
    connection.execute(
        "INSERT INTO checkpoints (size, root, note) VALUES (?, ?, ?)", (size, checkpoint.root, checkpoint.note)
    )
    return checkpoint


def check_log(
    connection: sqlite3.Connection, origin: str, key: SigningKey, high_water: HighWater | None
) -> Checkpoint | None:
    """The newest checkpoint in the database, once it is known that the log may be signed. Nothing is written.

    Raises VerificationError of kind "rollback", "fork" or "log" when the log is not a continuation of what was signed.
    """
    log, last = Log(connection), newest_checkpoint(connection)
    if last is not None:
        last = open_checkpoint(last.note.encode(), {key.keyid: key.public}, origin=origin)
        _check_continues(log, last, "the newest checkpoint in the database", hint="restore the newest backup")
    known = high_water.find(origin) if high_water is not None else None
    if high_water is not None and known is not None:
        what = f"what this key signed before ({high_water.path(origin)})"
        hint = "restore the newest backup, or give up what is lost: green-logic checkpoint --accept-loss"
        _check_continues(log, known, what, hint=hint)
    _check_new_leaves(connection, last.size if last is not None else 0, log.size())
    return last


def find_breach(log: Log, past: Checkpoint) -> Literal["rollback", "fork"] | None:
    """How the log fails to continue a checkpoint: it is shorter, or begins with other leaves. O(log n) below a seal."""
    if past.size > log.size():
        return "rollback"
    return None if log.root(past.size) == past.root else "fork"


def _check_continues(log: Log, past: Checkpoint, what: str, *, hint: str) -> None:
    breach = find_breach(log, past)
    if breach is None:
        return
    message = {
        "rollback": f"{what} covers {past.size} battles, the ledger has {log.size()}: it was rolled back",
        "fork": f"{what} covers {past.size} battles that are not the first {past.size} of the ledger: history forked",
    }[breach]
    raise VerificationError(message, kind=breach, hint=f"nothing was signed: {hint}")


def _check_new_leaves(connection: sqlite3.Connection, sealed: int, size: int) -> None:
    query = "SELECT leaf_index, envelope, leaf_hash FROM ledger WHERE leaf_index >= ? ORDER BY leaf_index"
    index = sealed
    for found, envelope, stored in connection.execute(query, (sealed,)):
        if found != index or leaf_hash(str(envelope).encode()) != stored:
            raise VerificationError(f"leaf {index} of the log is missing or not what was committed", kind="log")
        index += 1
    if index != size:
        raise VerificationError(f"expected {size} leaves in the log, got {index}", kind="log")
