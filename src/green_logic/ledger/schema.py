"""The shape of `battles.db`: the specification's seven columns, and beside them what proves a row.

`battles` holds what people query. `ledger` holds, for each row, the signed envelope and its RFC 6962 leaf hash, in the
order of commits; `ledger_meta` the origin (unique for each database) and the judge's key id. Triggers refuse changes:
they stop accidents, not attackers, whom the signatures catch.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

from green_logic.access import missing_permission
from green_logic.errors import ConfigurationError, StorageError, VerificationError
from green_logic.ledger.endless import ENDLESS, INTERRUPTED
from green_logic.ledger.journal import check_journal

SCHEMA_VERSION = 2  # PRAGMA user_version; 2 added the tables of checkpoints, older ledgers get them when opened
PAGE_SIZE = 8192  # bytes; 2 kB results take a third less room than with 4096, 18 kB ones the same (measured)
LOCK_NAME = ".ledger.lock"  # held around every commit, checkpoint and maintenance step
PRESENCE_NAME = ".writers.lock"  # shared by the writers that are alive
LOG_TABLES = {("table", "checkpoints"), ("table", "log_nodes")}
MISSING = "is missing"  # what is wrong with an object that is gone
GUARDED = ("table", "index", "trigger")  # objects that hold or guard what is proven
COLUMNS = ("id", "battle_id", "timestamp", "score", "breakdown", "raw_result", "dbom_hash")
_NO_CHANGE = "".join(
    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
    f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END;\n"
    for table in ("battles", "ledger", "ledger_meta")
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
-- REPLACE deletes without asking the delete trigger; case twins collide in the folded index
CREATE TRIGGER battles_no_replace BEFORE INSERT ON battles
WHEN EXISTS (SELECT 1 FROM battles WHERE battle_id = NEW.battle_id COLLATE NOCASE OR id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'battles is append-only'); END;
CREATE TRIGGER ledger_no_replace BEFORE INSERT ON ledger
WHEN EXISTS (SELECT 1 FROM ledger WHERE leaf_index = NEW.leaf_index OR battle_row = NEW.battle_row)
BEGIN SELECT RAISE(ABORT, 'ledger is append-only'); END;
"""  # noqa: S608  our own constants
    + _NO_CHANGE
)

# IF NOT EXISTS: a ledger of schema 1 gets these, and none of its rows is touched
LOG_SCHEMA = (
    """
CREATE TABLE IF NOT EXISTS checkpoints (
    number INTEGER PRIMARY KEY,            -- in the order of signing
    size INTEGER NOT NULL,                 -- leaves that it covers
    root BLOB NOT NULL,                    -- RFC 6962 root over them
    note TEXT NOT NULL                     -- signed note, see proof/checkpoint.py
);
CREATE TABLE IF NOT EXISTS log_nodes (
    height INTEGER NOT NULL,               -- 8, 16, 24, …
    position INTEGER NOT NULL,
    hash BLOB NOT NULL,                    -- of the perfect subtree there; computable from the envelopes
    PRIMARY KEY (height, position)
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS checkpoints_no_replace BEFORE INSERT ON checkpoints
WHEN EXISTS (SELECT 1 FROM checkpoints WHERE number = NEW.number)
BEGIN SELECT RAISE(ABORT, 'checkpoints is append-only'); END;
CREATE TRIGGER IF NOT EXISTS log_nodes_no_replace BEFORE INSERT ON log_nodes
WHEN EXISTS (SELECT 1 FROM log_nodes WHERE height = NEW.height AND position = NEW.position)
BEGIN SELECT RAISE(ABORT, 'log_nodes is append-only'); END;
"""  # noqa: S608  our own constants
    + "".join(
        f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END;\n"
        for table in ("checkpoints", "log_nodes")
        for verb in ("UPDATE", "DELETE")
    )
)


def leaf_hash(envelope: str) -> bytes:
    """RFC 6962 leaf hash of a signed envelope."""
    import hashlib  # noqa: PLC0415  `status` starts faster without

    return hashlib.sha256(b"\x00" + envelope.encode()).digest()


def connect(path: Path, *, busy_timeout_s: float) -> sqlite3.Connection:
    """The writing connection: a sync at every commit, transactions begun by hand. Changes nothing in the file yet.

    Raises VerificationError for a planted journal.
    """
    check_journal(path)
    connection = sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
        connection.execute("PRAGMA synchronous = FULL")  # NORMAL loses acknowledged rows at a power cut
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours: VerificationError when the file is damaged, else StorageError."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = ENDLESS if str(error) == INTERRUPTED else str(error)
        if text == ENDLESS or "malformed" in text or "not a database" in text:
            raise VerificationError(
                f"{path}: {text}", kind="database", hint="keep the file, restore a backup beside it"
            ) from error
        denied = f"give this user {missing_permission(path)} permission, or choose another --data-dir"
        hint = {
            "database is locked": "another program holds it: close it, then run the same command again",
            "disk I/O error": "see that this file system works and has free space, then run the same command again",
            "database or disk is full": "free space on this file system, then run the same command again",
            "attempt to write a readonly database": denied,
            "unable to open database file": denied,
        }.get(text, "what was acknowledged stays; run the same command again")
        raise StorageError(f"{path}: {text}", hint=hint) from error


def _use_wal(connection: sqlite3.Connection, path: Path) -> None:
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StorageError(f"{path}: expected journal mode wal, got {mode}", hint="WAL needs a local file system")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One IMMEDIATE transaction: committed at the end of the block, rolled back by any error in it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def find_origin(connection: sqlite3.Connection, keyid: str, path: Path) -> str | None:
    """The origin of the ledger, None for an empty database. Changes nothing.

    Raises ConfigurationError for a database that is not a ledger of ours, is newer, or belongs to another key.
    """
    if is_empty(connection):
        return None
    check_schema(connection, path)
    meta = read_meta(connection)
    current = key_ranges(meta)[-1][1]
    if current != keyid:
        raise ConfigurationError(
            f"{path}: this ledger is signed by {current}, the key in use is {keyid}",
            hint="point GREEN_LOGIC_SIGNING_KEY to the ledger's own key, or choose another --data-dir; "
            f"where that key was retired for another ledger: green-logic keys rotate -C {path.parent}",
        )
    return meta["origin"]


def make_or_check_schema(connection: sqlite3.Connection, keyid: str, path: Path) -> str:
    """The ledger's origin; an empty database gets the tables. WAL is on when this returns, not before: it is written
    into the file, and a database that is not ours stays as it is.

    Raises ConfigurationError as `find_origin` does, VerificationError of kind "schema" where what guards the rows was
    changed: then somebody has had reason to.
    """
    known = find_origin(connection, keyid, path)
    if known is None:
        _check_no_scrap(path)
        import uuid  # noqa: PLC0415  once in the life of a ledger

        origin = f"green-agent/{uuid.uuid4()}"
        _use_wal(connection, path)
        created = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
        rows = f"('origin', '{origin}'), ('keyid', '{keyid}'), ('created', {created})"
        connection.executescript(
            f"BEGIN IMMEDIATE; {SCHEMA}; {LOG_SCHEMA}; INSERT INTO ledger_meta VALUES {rows}; "  # noqa: S608  our own constants
            f"PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )
        return origin
    for name, fault in find_changes(connection):
        hint = (
            f"nothing was written; green-logic verify -C {path.parent} says whether rows were changed as well; if not, "
            f"green-logic doctor --repair -C {path.parent} puts lost triggers back, "
            "else green-logic restore BACKUP -C NEW goes on from before that"
        )
        raise VerificationError(f"{path}: {name} {fault}", kind="schema", hint=hint)
    _use_wal(connection, path)
    if connection.execute("PRAGMA user_version").fetchone()[0] < SCHEMA_VERSION:
        connection.executescript(f"BEGIN IMMEDIATE; {LOG_SCHEMA}; PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
    return known


def _check_no_scrap(path: Path) -> None:
    # SQLite takes a file that is shorter than its smallest page for an empty database, and would write over it
    if 0 < path.stat().st_size < 512:
        raise ConfigurationError(
            f"{path}: not a database", hint="choose another --data-dir; the file was left as it is"
        )


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


def find_changes(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """Tables, indexes and triggers that are not as this project makes them, and triggers that it does not make."""
    found = _objects(connection)
    expected = _expected(connection, found)
    for name, sql in expected.items():
        if name not in found:
            yield " ".join(name), MISSING
        elif found[name] != sql:
            yield " ".join(name), "is not as this project makes it"
    for name in found.keys() - expected.keys():
        if name[0] == "trigger":
            yield " ".join(name), "is not ours and could change what is recorded"


def put_guards_back(connection: sqlite3.Connection) -> None:
    """Make the triggers of this project again that are missing; all of them, or none when it fails."""
    with transaction(connection):
        found = _objects(connection)
        for name, sql in _expected(connection, found).items():
            if name[0] == "trigger" and name not in found:
                connection.execute(sql)


def _expected(connection: sqlite3.Connection, found: Mapping[tuple[str, str], str]) -> dict[tuple[str, str], str]:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    with contextlib.closing(sqlite3.connect(":memory:")) as made:
        made.executescript(SCHEMA)
        if version > 1 or found.keys() & LOG_TABLES:
            made.executescript(LOG_SCHEMA)
        return _objects(made)


def _objects(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    query = "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL"
    return {(kind, name): sql for kind, name, sql in connection.execute(query) if kind in GUARDED}


def read_meta(connection: sqlite3.Connection) -> dict[str, str]:
    """Origin, key id and date of birth of the ledger."""
    return dict(connection.execute("SELECT name, value FROM ledger_meta"))


def key_ranges(meta: Mapping[str, str]) -> list[tuple[int, str]]:
    """First leaf and id of each key that signs the ledger, in order; `keys rotate` adds `keyid.1`, `keyid.2`, …"""
    ranges = [(0, meta["keyid"])]
    while (value := meta.get(f"keyid.{len(ranges)}")) is not None:
        first, _, keyid = value.partition(" ")
        if not (first.isascii() and first.isdigit() and len(first) < 19):
            raise VerificationError(f"keyid.{len(ranges)}: expected a leaf and a key id, got {value!r}", kind="meta")
        ranges.append((int(first), keyid))
    return ranges


def add_key_range(connection: sqlite3.Connection, first_leaf: int, keyid: str) -> None:
    """From `first_leaf` on the ledger is signed by key `keyid`."""
    row = (f"keyid.{len(key_ranges(read_meta(connection)))}", f"{first_leaf} {keyid}")
    connection.execute("INSERT INTO ledger_meta VALUES (?, ?)", row)
