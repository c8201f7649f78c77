"""Somebody else's SQLite file, read without changing a byte or a date of it, one row at a time.

A file alone is opened as immutable: no lock, no WAL, no index appears beside it. One with a WAL or a journal beside it
holds rows that such an opening would not see, so the files are copied to a private place and recovered there.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from green_logic.errors import ConfigurationError, InvalidBattleError, VerificationError
from green_logic.importers.outcomes import Source
from green_logic.intake import shown_name
from green_logic.ledger.journal import check_journal

MAGIC = b"SQLite format 3\0"
LEFTOVERS = ("-wal", "-journal")
OUR_TABLES = frozenset({"battles", "ledger", "ledger_meta"})
# a damaged file's message may not be UTF-8, and its numbers may not fit: then the module raises these instead
FAULTS = (sqlite3.Error, UnicodeDecodeError, OverflowError)
Cell = bytes | int | float | None  # text comes as bytes: one row that is not UTF-8 must not end the others
State = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class ForeignDatabase:
    """An open foreign database; `columns` are those of its table `battles`."""

    connection: sqlite3.Connection
    source: Source
    columns: tuple[str, ...]
    size_bytes: int

    def row_ids(self) -> Iterator[int]:
        """Every row's number in the order of writing. Raises InvalidBattleError where the file is damaged."""
        last: int | None = None
        try:
            for (row,) in self.connection.execute("SELECT rowid FROM battles ORDER BY rowid"):
                # pages of a damaged file may point at each other in a circle: SQLite would go round for ever
                if last is not None and row <= last:
                    raise InvalidBattleError(f"{self.source.name}: damaged: row {row} comes again after row {last}")
                last = row
                yield row
        except FAULTS as error:
            raise InvalidBattleError(f"{self.source.name}: cannot be read on: {error}") from error

    def read_row(self, row: int) -> dict[str, Cell]:
        """One row by column. Raises InvalidBattleError when it is damaged or holds more bytes than allowed."""
        try:
            found = self.connection.execute(f"SELECT {_list(self.columns)} FROM battles WHERE rowid = ?", (row,))  # noqa: S608  quoted names
            values: Sequence[Cell] = found.fetchone() or ()
        except FAULTS as error:
            raise InvalidBattleError(f"row {row} cannot be read: {error}") from error
        if not values:
            raise InvalidBattleError(f"row {row} is gone: the table's index and its rows disagree")
        return dict(zip(self.columns, values, strict=True))


def is_database(path: Path) -> bool:
    """Whether a file begins as an SQLite database does."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC
    return False


@contextlib.contextmanager
def open_foreign(path: Path, *, ledger: Path, max_value_bytes: int) -> Iterator[ForeignDatabase]:
    """A foreign database, open for reading. `ledger` is our own, which must not be opened as a file of others.

    Raises InvalidBattleError when it is no database, has no table `battles`, or changed while it was read.
    """
    name = shown_name(path.name)
    _check_file(path, name, ledger)
    before = _state(path)
    with contextlib.ExitStack() as stack:
        with _reading(name):
            leftovers = {path.name + end: digest_file(_beside(path, end)) for end in LEFTOVERS if _has(path, end)}
            source = Source(name, digest_file(path), leftovers)
            uri = _private_copy(path, stack) if leftovers else f"{path.absolute().as_uri()}?mode=ro&immutable=1"
            connection = stack.enter_context(contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)))
            connection.text_factory = bytes
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max_value_bytes)
            connection.execute("PRAGMA trusted_schema = OFF")
            database = ForeignDatabase(connection, source, _columns(connection, name), path.stat().st_size)
        yield database
        if _state(path) != before:
            hint = "close the program that writes to it, then import it again: what is recorded is skipped"
            raise InvalidBattleError(f"{name}: changed while it was read, so rows may be missing", hint=hint)


def digest_file(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_file(path: Path, name: str, ledger: Path) -> None:
    # before anything opens it: closing a descriptor of our own open ledger would drop SQLite's locks
    if ledger.exists() and path.samefile(ledger):
        raise ConfigurationError(f"{name}: is the ledger that would be written to", hint="choose another --data-dir")
    if not path.is_file() or not is_database(path):  # a pipe would be waited for
        raise InvalidBattleError(f"{name}: not an SQLite database")


def _state(path: Path) -> State:
    files = [path, *(_beside(path, end) for end in LEFTOVERS if _has(path, end))]
    found = [file.stat() for file in files]
    return tuple((item.st_size, item.st_mtime_ns) for item in found)


def _beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)


def _has(path: Path, end: str) -> bool:
    file = _beside(path, end)
    return file.is_file() and file.stat().st_size > 0


def _private_copy(path: Path, stack: contextlib.ExitStack) -> str:
    directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="green-logic-import-")))
    copy = directory / "copy.db"
    shutil.copyfile(path, copy)
    for end in LEFTOVERS:
        if _has(path, end):
            shutil.copyfile(_beside(path, end), _beside(copy, end))
    try:
        check_journal(copy)
    except VerificationError as error:
        # SQLite would remove the file: a journal of somebody else's must not reach out of its copy
        raise InvalidBattleError(f"{shown_name(path.name)}: {error.message}") from error
    return copy.as_uri()


@contextlib.contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InvalidBattleError(f"{name}: cannot be read: {error.strerror or error}") from error
    except FAULTS as error:
        raise InvalidBattleError(f"{name}: SQLite cannot read it: {error}") from error


def _columns(connection: sqlite3.Connection, name: str) -> tuple[str, ...]:
    found = connection.execute("SELECT name, type, sql FROM sqlite_schema WHERE type IN ('table', 'view')").fetchall()
    tables = {_text(table): _text(sql or b"").upper() for table, kind, sql in found if kind == b"table"}
    if set(tables) >= OUR_TABLES:
        raise InvalidBattleError(f"{name}: a ledger of this project", hint="green-logic restore takes it back")
    # a view or a virtual table runs the file's own program; a table is only read
    if "battles" not in tables or tables["battles"].startswith("CREATE VIRTUAL"):
        there = ", ".join(sorted(tables)) or "none"
        raise InvalidBattleError(f"{name}: expected a table battles, got tables: {there[:200]}")
    if not _has_rowid(connection):
        raise InvalidBattleError(f"{name}: the table battles is WITHOUT ROWID, which no known version wrote")
    return tuple(_text(row[1]) for row in connection.execute("PRAGMA table_info(battles)"))


def _has_rowid(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT rowid FROM battles LIMIT 0")
    except sqlite3.OperationalError:
        return False
    return True


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")


def _list(columns: Sequence[str]) -> str:
    return ", ".join('"' + column.replace('"', '""') + '"' for column in columns)
