"""The shape of `battles.db`: the specification's seven columns, and beside them what proves a row.

`battles` holds what people query. `ledger` holds, for each row, the signed envelope and its RFC 6962 leaf hash, in the
order of commits; `ledger_meta` the origin (unique for each database) and the judge's key id. Triggers refuse changes:
they stop accidents, not attackers, whom the signatures catch.
"""

from __future__ import annotations

import hashlib
import sqlite3
import uuid
from pathlib import Path

from green_logic.errors import ConfigurationError, StorageError, VerificationError
from green_logic.proof.dbom import utc_now

SCHEMA_VERSION = 1  # PRAGMA user_version
PAGE_SIZE = 8192  # bytes; 2 kB results take a third less room than with 4096, 18 kB ones the same (measured)
LOCK_NAME = ".ledger.lock"  # held around every commit, checkpoint and maintenance step
PRESENCE_NAME = ".writers.lock"  # shared by the writers that are alive
COLUMNS = ("id", "battle_id", "timestamp", "score", "breakdown", "raw_result", "dbom_hash")
_NO_CHANGE = "".join(
    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
    f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END;\n"
    for table in ("battles", "ledger")
    for verb in ("UPDATE", "DELETE")
)
SCHEMA = (
    """
CREATE TABLE battles (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never reused: an export's cursor would miss the newcomer
    battle_id TEXT NOT NULL,
    timestamp TEXT NOT NULL,               -- UTC, YYYY-MM-DDTHH:MM:SS.ffffffZ
    score REAL NOT NULL CHECK (score >= 0 AND score <= 1),
    breakdown TEXT,
    raw_result TEXT,                       -- the exact text whose SHA-256 is dbom_hash
    dbom_hash TEXT
);
CREATE UNIQUE INDEX battles_battle_id ON battles (battle_id);
-- ids that differ only in case would share a DBOM file on a case-folding file system
CREATE UNIQUE INDEX battles_battle_id_folded ON battles (battle_id COLLATE NOCASE);
CREATE TABLE ledger (
    leaf_index INTEGER PRIMARY KEY,        -- 0, 1, 2, … in commit order
    battle_row INTEGER NOT NULL UNIQUE REFERENCES battles (id),
    envelope TEXT NOT NULL,                -- sigma_judge, the log's leaf
    leaf_hash BLOB NOT NULL,               -- SHA-256(0x00 || envelope), RFC 6962 section 2.1
    battle_sha256 TEXT NOT NULL,           -- of the canonical input; '' when unknown
    evidence_sha256 TEXT NOT NULL,         -- of the result without timings
    dbom_sha256 BLOB NOT NULL              -- of the DBOM file, so that a torn one is seen without parsing
);
CREATE TABLE ledger_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
-- INSERT OR REPLACE deletes without asking the delete trigger
CREATE TRIGGER battles_no_replace BEFORE INSERT ON battles
WHEN EXISTS (SELECT 1 FROM battles WHERE battle_id = NEW.battle_id OR id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'battles is append-only'); END;
"""
    + _NO_CHANGE
)


def leaf_hash(envelope: str) -> bytes:
    """RFC 6962 leaf hash of a signed envelope."""
    return hashlib.sha256(b"\x00" + envelope.encode()).digest()


def connect(path: Path, *, busy_timeout_s: float) -> sqlite3.Connection:
    """The writing connection: WAL, a sync at every commit, transactions begun by hand."""
    connection = sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
        _check_wal(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0], path)
        connection.execute("PRAGMA synchronous = FULL")  # NORMAL loses acknowledged rows at a power cut
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
    except BaseException:
        connection.close()
        raise
    return connection


def _check_wal(mode: str, path: Path) -> None:
    if mode != "wal":
        raise StorageError(f"{path}: expected journal mode wal, got {mode}", hint="WAL needs a local file system")


def make_or_check_schema(connection: sqlite3.Connection, keyid: str, path: Path) -> str:
    """The ledger's origin; tables are made in an empty database.

    Raises ConfigurationError for a database that is not a ledger of ours, is newer, or belongs to another key.
    """
    if is_empty(connection):
        origin = f"green-agent/{uuid.uuid4()}"
        meta = {"origin": origin, "keyid": keyid, "created": utc_now()}
        rows = ", ".join(f"('{name}', '{value}')" for name, value in meta.items())
        connection.executescript(
            f"BEGIN IMMEDIATE; {SCHEMA}; INSERT INTO ledger_meta VALUES {rows}; "  # noqa: S608  our own constants
            f"PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )
        return origin
    check_schema(connection, path)
    meta = read_meta(connection)
    if meta["keyid"] != keyid:
        raise ConfigurationError(
            f"{path}: this ledger is signed by {meta['keyid']}, the key in use is {keyid}",
            hint="point GREEN_LOGIC_SIGNING_KEY to the ledger's own key, or choose another --data-dir",
        )
    return meta["origin"]


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether the database has no table yet."""
    return bool(connection.execute("SELECT count(*) = 0 FROM sqlite_schema").fetchone()[0])


def check_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Raises ConfigurationError unless the database is a ledger that this version understands."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if not {"battles", "ledger", "ledger_meta"} <= tables:
        raise ConfigurationError(
            f"{path}: not a ledger of this project (tables: {', '.join(sorted(tables)) or 'none'})",
            hint="choose another --data-dir; the file was left as it is",
        )
    if version > SCHEMA_VERSION:
        raise ConfigurationError(
            f"{path}: written by a newer version (schema {version}, this one knows {SCHEMA_VERSION})",
            hint="update green-logic; the file was left as it is",
        )
    columns = tuple(row[1] for row in connection.execute("PRAGMA table_info(battles)"))
    if columns != COLUMNS:
        raise VerificationError(f"{path}: battles has the columns {', '.join(columns)}", kind="schema")


def read_meta(connection: sqlite3.Connection) -> dict[str, str]:
    """Origin, key id and date of birth of the ledger."""
    return dict(connection.execute("SELECT name, value FROM ledger_meta"))
