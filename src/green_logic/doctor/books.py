"""What the database and the audit say, read once for all checks."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from green_logic.audit.ledger import audit_ledger, load_published_keys, stored_checkpoints
from green_logic.audit.report import AuditReport
from green_logic.doctor.still import hold_still
from green_logic.errors import ConfigurationError, GreenLogicError, StorageError, VerificationError
from green_logic.ledger.findings import Finding
from green_logic.ledger.reading import open_for_reading
from green_logic.ledger.schema import key_ranges, read_meta
from green_logic.ledger.shelf import find_pruned
from green_logic.proof.checkpoint import Checkpoint, trusted_keys
from green_logic.proof.dbom import dbom_name
from green_logic.proof.highwater import HighWater
from green_logic.proof.keys import PublicKey, SigningKey
from green_logic.publish.leaves import Progress
from green_logic.settings import Settings, state_dir

KEPT = 100_000  # findings of each kind that are kept whole; 30 MB when every battle of 100,000 is damaged


@dataclass(frozen=True)
class Books:
    """`present`: there is a database file that is not empty. `error` says why nothing could be read of it."""

    present: bool = False
    error: GreenLogicError | None = None
    origin: str = ""
    keyids: tuple[str, ...] = ()  # of the keys that sign it, in order
    last_timestamp: str = ""
    checkpoints: Sequence[Checkpoint] = ()
    keys: Mapping[str, PublicKey] = field(default_factory=dict)  # those found beside it, and our own
    broken: Sequence[str] = ()  # what SQLite's own check says
    duplicates: Sequence[str] = ()  # battle ids with more than one row
    pruned: frozenset[str] = frozenset()  # DBOM files that may be absent: a verified archive holds them
    high_water: Checkpoint | None = None
    high_water_error: str = ""
    report: AuditReport | None = None

    @property
    def leaves(self) -> int:
        """Length of the log."""
        return self.report.leaves if self.report else 0

    def findings(self, *kinds: str) -> list[Finding]:
        """What the audit found, of some kinds or of all."""
        examples = self.report.tally.examples if self.report else {}
        return [finding for kind in kinds or examples for finding in examples.get(kind, ())]


def read_books(settings: Settings, own: SigningKey | None, on_progress: Progress | None = None) -> Books:
    """Everything that can be read, without writing. What cannot be read becomes `error`."""
    try:
        if not settings.database.is_file() or not settings.database.stat().st_size:
            return Books()
        with hold_still(settings) as still:
            books = _read_tables(still)
            published = _published_keys(settings)
            mine = {own.keyid: own.public} if own is not None and own.keyid in books.keyids else {}
            keys = trusted_keys({**published, **mine}, books.checkpoints)
            books = _recall(replace(books, keys=keys))
            return replace(books, report=_audit(settings, still, books, on_progress))
    except (VerificationError, ConfigurationError, StorageError) as error:
        return Books(present=True, error=error)
    except OSError as error:
        return Books(present=True, error=StorageError(f"{settings.database}: {error.strerror}"))


def _read_tables(still: Settings) -> Books:
    with open_for_reading(still) as connection:
        meta = read_meta(connection)
        if not {"origin", "keyid"} <= meta.keys():
            raise VerificationError("ledger_meta lacks the origin or the key id", kind="meta")
        last = connection.execute("SELECT timestamp FROM battles ORDER BY id DESC LIMIT 1").fetchone()
        broken = [str(text) for (text,) in connection.execute("PRAGMA integrity_check(10)") if text != "ok"]
        return Books(
            present=True,
            origin=str(meta["origin"]),
            keyids=tuple(keyid for _, keyid in key_ranges(meta)),
            last_timestamp=str(last[0]) if last else "",
            checkpoints=tuple(stored_checkpoints(connection)),
            broken=broken,
            duplicates=_find_duplicates(connection),
            pruned=_find_pruned_names(still, connection),
        )


def _find_duplicates(connection: sqlite3.Connection) -> list[str]:
    unique = (
        "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND name = 'battles_battle_id' AND sql LIKE '%UNIQUE%'"
    )
    if connection.execute(unique).fetchone()[0]:
        return []  # the index allows none, and SQLite's check has compared it with the table
    query = "SELECT battle_id FROM battles NOT INDEXED GROUP BY battle_id HAVING count(*) > 1 LIMIT 1000"
    return [str(battle_id) for (battle_id,) in connection.execute(query)]


def _find_pruned_names(still: Settings, connection: sqlite3.Connection) -> frozenset[str]:
    query = "SELECT b.battle_id FROM ledger l JOIN battles b ON b.id = l.battle_row WHERE l.leaf_index BETWEEN ? AND ?"
    ranges = find_pruned(still.data_dir)
    return frozenset(dbom_name(str(found)) for pair in ranges for (found,) in connection.execute(query, pair))


def _published_keys(settings: Settings) -> Mapping[str, PublicKey]:
    with contextlib.suppress(ConfigurationError):
        return load_published_keys(settings.data_dir)
    return {}


def _recall(books: Books) -> Books:
    try:
        return replace(books, high_water=HighWater(state_dir()).find(books.origin))
    except ConfigurationError as error:
        return replace(books, high_water_error=error.message)


def _audit(settings: Settings, still: Settings, books: Books, on_progress: Progress | None) -> AuditReport | None:
    if not books.keys:
        return None  # without any key every battle would be a finding
    pins = [books.high_water] if books.high_water else []
    report = audit_ledger(still, books.keys, pins, kept=KEPT, on_progress=on_progress)
    here, there = str(still.data_dir), str(settings.data_dir)
    for findings in report.tally.examples.values():
        findings[:] = [
            Finding(one.kind, one.where.replace(here, there), one.message.replace(here, there)) for one in findings
        ]
    return report
