"""The ledger: sealed battles → durable rows. What `submit` acknowledged survives `kill -9` and power loss.

The order for a group of battles: DBOM files durable under their names, then one IMMEDIATE transaction with rows and log
leaves, then the commit, then the receipts. One lock file is held throughout: it makes many writers take turns, and
keeps this connection the only one that checkpoints (two at once can corrupt a WAL in SQLite up to 3.51.2).

Nothing here opens `battles.db` as a plain file: closing any descriptor of it would drop SQLite's own locks.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from green_logic.errors import ConfigurationError, ConflictError, StorageError
from green_logic.files import FileLock, Presence, make_directory, storage_errors, sync_directory
from green_logic.ledger.log import Log, check_log, seal_log, write_checkpoint
from green_logic.ledger.loss import check_no_loss
from green_logic.ledger.recovery import ASIDE_NAME, Recovery, rebuild, recover
from green_logic.ledger.schema import (
    LOCK_NAME,
    PRESENCE_NAME,
    add_key_range,
    connect,
    database_errors,
    leaf_hash,
    make_or_check_schema,
    transaction,
)
from green_logic.ledger.shelf import DbomShelf
from green_logic.proof.checkpoint import Checkpoint
from green_logic.proof.dbom import Sealed
from green_logic.proof.highwater import HighWater
from green_logic.proof.keys import SigningKey, write_public_key
from green_logic.proof.notes import can_sign_notes, check_can_sign_notes
from green_logic.settings import CHECKPOINT_NAME, Settings, state_dir


@dataclass(frozen=True)
class Known:
    """A battle that has a row. `id` may differ from the one asked for in case only."""

    battle_id: str
    h_delta: str
    battle_sha256: str
    evidence_sha256: str


@dataclass(frozen=True)
class Receipt:
    """What became of one submitted battle; `h_delta` is that of the row on the ledger, whoever wrote it."""

    battle_id: str
    status: Literal["recorded", "already_recorded", "conflict"]
    h_delta: str
    message: str = ""


class Ledger:
    """The books of one data directory, open for writing. Use `Ledger.open`, then `close` or a with block."""

    def __init__(
        self, settings: Settings, connection: sqlite3.Connection, presence: Presence, origin: str, shelf: DbomShelf
    ) -> None:
        self.origin = origin
        self.recovery = Recovery()
        self._settings = settings
        self._connection = connection
        self._presence = presence
        self._shelf = shelf
        self._lock = _lock(settings)
        self._thread_lock = threading.RLock()

    @classmethod
    def open(cls, settings: Settings, key: SigningKey) -> Ledger:
        """Open or make the ledger, and mend what a crash left.

        Raises StorageError when the directory cannot be written, ConfigurationError for a foreign database or key, and
        for a ledger that lacks what this machine's judge signed: a run must not record battles that nobody may sign.
        VerificationError of kind "log" where leaves of it are missing.
        """
        with storage_errors("cannot open the ledger"), contextlib.ExitStack() as stack:
            make_directory(settings.data_dir)
            make_directory(settings.dboms)
            _check_not_lost(settings)
            stack.enter_context(_lock(settings).held())
            presence = Presence(settings.data_dir / PRESENCE_NAME)
            undo = stack.enter_context(contextlib.ExitStack())
            undo.callback(presence.close)
            with database_errors(settings.database):
                connection = connect(settings.database, busy_timeout_s=settings.busy_timeout_s)
                undo.callback(connection.close)
                check_no_loss(connection, key, settings)  # before anything is written, WAL and recovery included
                origin = make_or_check_schema(connection, key.keyid, settings.database)
                # the database's and the WAL's own names must survive a power cut too
                sync_directory(settings.data_dir)
                shelf = DbomShelf(settings.dboms, settings.data_dir / ASIDE_NAME, group_sync=settings.group_sync)
                ledger = cls(settings, connection, presence, origin, shelf)
                ledger.recovery = recover(connection, shelf, alone=presence.alone)
            write_public_key(key, settings.data_dir)
            presence.share()
            undo.pop_all()
            return ledger

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def alone(self) -> bool:
        """Whether no other writer was alive when this one opened the ledger."""
        return self._presence.alone

    def close(self) -> None:
        """Fold the WAL into the database and leave."""
        with self._thread_lock:
            try:
                with contextlib.suppress(StorageError, OSError), self._lock.held():
                    self._connection.close()
            finally:
                self._connection.close()
                self._presence.close()

    def find(self, battle_ids: Iterable[str]) -> dict[str, Known]:
        """Rows of the given battles by the id asked for; ids are compared without regard to case."""
        with self._thread_lock, database_errors(self._settings.database):
            return {battle_id: known for battle_id in battle_ids if (known := self._find(battle_id)) is not None}

    def size(self) -> int:
        """Number of recorded battles."""
        with self._thread_lock, database_errors(self._settings.database):
            return int(self._connection.execute("SELECT count(*) FROM ledger").fetchone()[0])

    def read_dbom(self, battle_id: str) -> bytes | None:
        """The DBOM file of a battle, recorded or not; None when there is none."""
        return self._shelf.read(f"dbom_{battle_id}.json")

    def recorded_dbom(self, battle_id: str) -> bytes:
        """The DBOM of a recorded battle, whether its file is there or was pruned into an archive."""
        with self._thread_lock, database_errors(self._settings.database):
            return rebuild(self._connection, battle_id)

    def write_dboms(self, battles: Sequence[Sealed]) -> None:
        """Make the DBOM files of battles durable ahead of their rows. Battles that have a row are left alone."""
        with self._held():
            known = self.find(sealed.battle_id for sealed in battles)
            self._shelf.put([sealed for sealed in battles if sealed.battle_id not in known])

    def submit(self, battles: Sequence[Sealed]) -> list[Receipt]:
        """Record battles, all in one transaction; receipts in the same order.

        A battle with the same evidence as its row is `already_recorded`, one with other evidence a `conflict` whose row
        stays as it is. When this returns, what it acknowledges is durable. Raises StorageError when the outcome is
        unknown: submitting the same battles again is always safe.
        """
        with self._held():
            receipts: list[Receipt] = []
            fresh: dict[str, Sealed] = {}
            for sealed in battles:
                known = self._find(sealed.battle_id) or _pending(fresh.get(sealed.battle_id.lower()))
                receipts.append(_receipt(sealed, known))
                if known is None:
                    fresh[sealed.battle_id.lower()] = sealed
            if fresh:
                self._shelf.put(list(fresh.values()))
                self._commit(list(fresh.values()))
                self._shelf.settle(fresh.values())
            return receipts

    def checkpoint(self, key: SigningKey) -> Checkpoint | None:
        """Sign the log as it is: every battle so far, in order. Durable, here and in `data/checkpoint`, on return.

        None for an empty log, and for an ECDSA key, which cannot sign checkpoints. Nothing new: the last one again.
        Raises VerificationError of kind "rollback" or "fork" when the log does not continue what was signed before.
        """
        if not can_sign_notes(key):
            return None
        with self._held():
            with transaction(self._connection) as connection:
                if Log(connection).size() == 0:
                    return None
                checkpoint = seal_log(connection, self.origin, key, HighWater(state_dir()))
            write_checkpoint(self._settings.data_dir, checkpoint)
            return checkpoint

    def rotate(self, key: SigningKey, successor: SigningKey) -> Checkpoint:
        """Hand the ledger over to another key, by a checkpoint that both sign; the old one seals no battle afterwards.

        Raises ConfigurationError unless both are Ed25519 keys, and as `check_rotation` does.
        """
        self.check_rotation(key)
        with self._held():
            with transaction(self._connection) as connection:
                high_water = HighWater(state_dir())
                checkpoint = seal_log(connection, self.origin, key, high_water, successor=successor)
                add_key_range(connection, checkpoint.size, successor.keyid)
            write_checkpoint(self._settings.data_dir, checkpoint)
        with storage_errors("cannot publish the new key"):
            write_public_key(successor, self._settings.data_dir)
        return checkpoint

    def check_rotation(self, key: SigningKey) -> None:
        """Everything for which `rotate` refuses, before there is a successor. Nothing is written.

        Raises ConfigurationError for an ECDSA key, an empty ledger or one that another process writes to,
        VerificationError for a log that `checkpoint` would not sign.
        """
        check_can_sign_notes(key)
        if not self.alone:
            raise ConfigurationError("another run writes to this ledger", hint="wait for it to end")
        if self.size() == 0:
            raise ConfigurationError("an empty ledger needs no change of keys", hint="remove it, or record a battle")
        with self._held():
            check_log(self._connection, self.origin, key, HighWater(state_dir()))

    def submit_one(self, sealed: Sealed) -> Receipt:
        """Record one battle. Raises ConflictError when a different result is recorded under its id."""
        receipt = self.submit([sealed])[0]
        if receipt.status == "conflict":
            raise ConflictError(receipt.message, hint="the first result stays; give the new one an id of its own")
        return receipt

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        with (
            self._thread_lock,
            storage_errors("cannot write to the ledger"),
            self._lock.held(),
            database_errors(self._settings.database),
        ):
            yield

    def _find(self, battle_id: str) -> Known | None:
        row = self._connection.execute(
            "SELECT b.battle_id, b.dbom_hash, l.battle_sha256, l.evidence_sha256 "
            "FROM battles b JOIN ledger l ON l.battle_row = b.id WHERE b.battle_id = ? COLLATE NOCASE",
            (battle_id,),
        ).fetchone()
        return None if row is None else Known(*row)

    def _commit(self, battles: Sequence[Sealed]) -> None:
        with transaction(self._connection) as connection:
            (leaf,) = connection.execute("SELECT coalesce(max(leaf_index) + 1, 0) FROM ledger").fetchone()
            for number, sealed in enumerate(battles, start=leaf):
                self._insert(number, sealed)

    def _insert(self, leaf: int, sealed: Sealed) -> None:
        row = self._connection.execute(
            "INSERT INTO battles (battle_id, timestamp, score, breakdown, raw_result, dbom_hash) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (
                sealed.battle_id,
                sealed.timestamp,
                sealed.score,
                sealed.breakdown,
                sealed.raw_result.decode(),
                sealed.h_delta,
            ),
        ).lastrowid
        self._connection.execute(
            "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                leaf,
                row,
                sealed.envelope,
                leaf_hash(sealed.envelope),
                sealed.battle_sha256,
                sealed.evidence_sha256,
                hashlib.sha256(sealed.dbom_bytes()).digest(),
            ),
        )


def _check_not_lost(settings: Settings) -> None:
    """A new ledger beside the checkpoint of an old one would take all its DBOMs for orphans."""
    checkpoint = settings.data_dir / CHECKPOINT_NAME
    if checkpoint.exists() and not (settings.database.exists() and settings.database.stat().st_size):
        raise ConfigurationError(
            f"{settings.database} is missing, but {checkpoint} says that a ledger was here",
            hint="restore it: green-logic restore BACKUP; or choose another --data-dir",
        )


def _lock(settings: Settings) -> FileLock:
    return FileLock(settings.data_dir / LOCK_NAME, timeout_s=settings.busy_timeout_s)


def _pending(sealed: Sealed | None) -> Known | None:
    if sealed is None:
        return None
    return Known(sealed.battle_id, sealed.h_delta, sealed.battle_sha256, sealed.evidence_sha256)


def _receipt(sealed: Sealed, known: Known | None) -> Receipt:
    if known is None:
        return Receipt(sealed.battle_id, "recorded", sealed.h_delta)
    if known.battle_id == sealed.battle_id and known.evidence_sha256 == sealed.evidence_sha256:
        return Receipt(sealed.battle_id, "already_recorded", known.h_delta)
    if known.battle_id != sealed.battle_id:
        message = f"battle {sealed.battle_id}: its id differs from the recorded {known.battle_id} only in case"
    else:
        message = (
            f"battle {sealed.battle_id}: recorded with h_delta {known.h_delta[:12]}…, "
            f"got a different result {sealed.h_delta[:12]}…"
        )
    return Receipt(sealed.battle_id, "conflict", known.h_delta, message)
