"""Reading a ledger without writing to its directory: no lock file and no WAL is made that was not there.

One exception is SQLite's: beside a WAL that lost its index, as in a copy of the two files alone, it makes a new one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from green_logic.errors import ConfigurationError, LedgerMissingError
from green_logic.ledger.endless import bound_steps
from green_logic.ledger.schema import COLUMNS, LOCK_NAME, check_schema, database_errors, key_ranges, read_meta
from green_logic.settings import Settings


@contextlib.contextmanager
def open_for_reading(settings: Settings, *, bounded: bool = False) -> Iterator[sqlite3.Connection]:
    """A read-only connection; `bounded` for an audit, which must come to an end whatever the file holds.

    Raises LedgerMissingError, StorageError when it cannot be read, VerificationError when it is damaged.
    """
    database, lock = settings.database, settings.data_dir / LOCK_NAME
    with contextlib.ExitStack() as stack:
        try:
            mode = _choose_mode(database, lock, stack)
        except OSError as error:
            from green_logic.files import storage_error  # noqa: PLC0415  only an error needs it

            raise storage_error("cannot read the ledger", error) from error
        uri = f"file:{_escaped(database.absolute())}?{mode}"
        with database_errors(database):
            connection = stack.enter_context(contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)))
            if bounded:
                bound_steps(connection, database)
            connection.execute("PRAGMA query_only = ON")
            check_schema(connection, database)
            yield connection


def read_state(settings: Settings) -> dict[str, Any]:
    """A ledger at a glance: counts, dates, sizes in bytes, origin and key id."""
    with open_for_reading(settings) as connection:
        meta = read_meta(connection)
        battles = connection.execute("SELECT count(*) FROM battles").fetchone()[0]
        last = connection.execute("SELECT timestamp FROM battles ORDER BY id DESC LIMIT 1").fetchone()
    wal, aside = _wal(settings.database), settings.not_evaluated
    return {
        "data_dir": str(settings.data_dir),
        "origin": meta["origin"],
        "keyid": meta["keyid"],
        "battles": battles,
        "last_timestamp": last[0] if last else None,
        "size_bytes": settings.database.stat().st_size,
        "wal_bytes": wal.stat().st_size if wal.exists() else 0,
        "not_evaluated": sum(1 for path in aside.iterdir() if path.suffix == ".json") if aside.is_dir() else 0,
    }


def read_battle(settings: Settings, battle_id: str) -> dict[str, Any]:
    """One row with its DBOM, by the id or by the start of it. Raises ConfigurationError when it is not one battle."""
    from green_logic.ledger.recovery import rebuild  # noqa: PLC0415  it loads cryptography, which `status` needs not

    with open_for_reading(settings) as connection:
        ids = [
            found
            for (found,) in connection.execute(
                "SELECT battle_id FROM battles WHERE battle_id = ?1 UNION "
                "SELECT battle_id FROM battles WHERE substr(battle_id, 1, length(?1)) = ?1 LIMIT 5",
                (battle_id,),
            )
        ]
        if battle_id in ids:
            ids = [battle_id]
        if len(ids) != 1:
            hint = f"these start so: {', '.join(ids)}" if ids else "green-logic list shows what is recorded"
            raise ConfigurationError(f"no single battle {battle_id!r} in {settings.database}", hint=hint)
        row = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM battles WHERE battle_id = ?", ids).fetchone()  # noqa: S608  our constants
        return {**dict(zip(COLUMNS, row, strict=True)), "dbom": rebuild(connection, ids[0])}


def check_ledger_awaits_key(settings: Settings) -> None:
    """Raises ConfigurationError where a new key would be of no use: the ledger has one, or the database is not ours."""
    if not settings.database.is_file() or settings.database.stat().st_size == 0:
        return
    with open_for_reading(settings) as connection:
        keyid = key_ranges(read_meta(connection))[-1][1]
    raise ConfigurationError(
        f"{settings.database}: this ledger is signed by {keyid}, and there is no signing key here",
        hint="point GREEN_LOGIC_SIGNING_KEY to the ledger's own key, or choose another --data-dir",
    )


def find_digests(settings: Settings, battle_ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Recorded id and digest of the input of those battles that have a row, whatever the case of their ids; none where
    there is no ledger. The digest is "" where the input is not known.
    """
    if not settings.database.is_file():
        return {}
    query = (
        "SELECT b.battle_id, l.battle_sha256 FROM battles b JOIN ledger l ON l.battle_row = b.id "
        "WHERE b.battle_id = ? COLLATE NOCASE"
    )
    with open_for_reading(settings) as connection:
        rows = {battle_id: connection.execute(query, (battle_id,)).fetchone() for battle_id in battle_ids}
    return {battle_id: (row[0], row[1]) for battle_id, row in rows.items() if row is not None}


def _choose_mode(database: Path, lock: Path, stack: contextlib.ExitStack) -> str:
    if not database.is_file():
        hint = "green-logic run BATTLES.jsonl makes one"
        raise LedgerMissingError(f"no ledger in {database.parent}/", hint=hint)
    if _wal(database).exists():
        return "mode=ro"
    # Nobody has it open. Without a WAL an ordinary reader would make one, so read it as a fixed file, and keep writers
    # out meanwhile.
    _share(lock, stack)
    return "mode=ro" if _wal(database).exists() else "mode=ro&immutable=1"


def _escaped(path: Path) -> str:
    # what would end the path in a URI; pathlib's own as_uri takes 2 ms to import what it needs
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _wal(database: Path) -> Path:
    return database.with_name(database.name + "-wal")


def _share(lock: Path, stack: contextlib.ExitStack) -> None:
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a planted pipe is not waited for
    except FileNotFoundError:
        return
    stack.callback(os.close, descriptor)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
