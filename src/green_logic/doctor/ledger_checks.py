"""The books: database, rows and log. What the audit found, under the names of what happened."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from green_logic.audit.folder import writers_alive
from green_logic.doctor.patient import Fault, Patient
from green_logic.doctor.still import wal_path
from green_logic.errors import ConfigurationError, VerificationError
from green_logic.ledger.findings import Finding
from green_logic.ledger.schema import MISSING
from green_logic.settings import CHECKPOINT_NAME, PUBLIC_NAME

# kinds of the audit -> ours. Those of DBOM files, of judge.pub and of the file `checkpoint` are looked at more closely.
ROWS = {
    "row": "row-edited",
    "h_delta": "row-edited",
    "leaf-without-row": "row-deleted",
    "row-without-leaf": "row-inserted",
    "row-order": "row-reordered",
}
LOG = {
    "leaf-gap": "log-gap",
    "leaf-hash": "log-damaged",
    "log": "log-damaged",
    "truncated": "log-truncated",
    "history-rewritten": "history-forked",
    "meta": "meta-changed",
    "key-range": "meta-changed",
    "checkpoint": "checkpoint-damaged",
    "note": "checkpoint-damaged",
}
DATABASE = {"database": "database-malformed", "schema": "schema-changed", "journal": "journal-planted"}
ELSEWHERE = frozenset(
    {
        "archive",
        "backup",
        "checkpoint-file",
        "companion",
        "dbom-differs",
        "dbom-missing",
        "downgrade",
        "export",
        "foreign-file",
        "orphan-file",
        "public-key",
        "stray",
    }
)
_WAL_MAGIC = (0x377F0682, 0x377F0683)  # https://www.sqlite.org/fileformat2.html#the_write_ahead_log
_WAL_HEADER = 32  # bytes


def check_database(patient: Patient) -> Iterator[Fault]:
    """There is a database, SQLite can read all of it, and it is as this project makes it."""
    books, database = patient.books, patient.settings.database
    if not books.present:
        yield from _check_absent(patient)
        return
    if books.error is not None:
        yield patient.fault(_kind_of_error(books.error), database, books.error.message)
    for text in books.broken:
        yield patient.fault("database-malformed", database, text)
    yield from (patient.fault(_kind_of(one), one.where, one.message) for one in books.findings(*DATABASE))
    yield from _check_wal(patient)


def _kind_of(finding: Finding) -> str:
    lost = finding.kind == "schema" and finding.where.startswith("trigger ") and finding.message == MISSING
    return "guard-lost" if lost else DATABASE[finding.kind]


def _check_absent(patient: Patient) -> Iterator[Fault]:
    settings = patient.settings
    traces = [settings.data_dir / name for name in (CHECKPOINT_NAME, PUBLIC_NAME)]
    traces += [
        path for path in (settings.dboms, settings.data_dir / "backups") if path.is_dir() and any(path.iterdir())
    ]
    traces = [path for path in traces if path.exists()]
    if not traces:
        yield patient.fault("no-ledger", settings.data_dir, "there is no ledger")
        return
    state = "is empty" if settings.database.exists() else "is missing"
    yield patient.fault("database-missing", settings.database, f"{state}, but {traces[0]} says that a ledger was here")


def _kind_of_error(error: Exception) -> str:
    if isinstance(error, VerificationError):
        return {**DATABASE, "meta": "meta-changed"}.get(error.kind, "database-malformed")
    return "database-foreign" if isinstance(error, ConfigurationError) else "database-unreadable"


def _check_wal(patient: Patient) -> Iterator[Fault]:
    wal = wal_path(patient.settings)
    if not wal.is_file() or writers_alive(patient.settings):
        return
    with wal.open("rb") as file:
        header = file.read(_WAL_HEADER)
    if header and not _is_wal_header(header):
        yield patient.fault("wal-damaged", wal, f"{wal.stat().st_size} bytes that do not begin as a WAL does")


def _is_wal_header(header: bytes) -> bool:
    if len(header) < _WAL_HEADER:
        return False
    magic, *fields, sum1, sum2 = struct.unpack(">8I", header)
    words = struct.unpack((">" if magic & 1 else "<") + "6I", header[:24])
    first = second = 0
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return magic in _WAL_MAGIC and (first, second) == (sum1, sum2) and fields[0] == 3007000


def check_rows(patient: Patient) -> Iterator[Fault]:
    """Every row is what was signed, once, and in its place."""
    duplicates = patient.books.duplicates
    for battle_id in duplicates:
        yield patient.fault("row-duplicated", battle_id, "there is more than one row of this battle")
    for one in patient.books.findings(*ROWS):
        if one.kind == "row-order" and one.where == "battles":
            yield patient.fault("log-truncated", one.where, one.message)
        elif one.kind != "row-without-leaf" or one.where not in duplicates:
            yield patient.fault(ROWS[one.kind], one.where, one.message)


def check_log(patient: Patient) -> Iterator[Fault]:
    """The log is whole, sealed by this ledger's keys, and continues what was signed before."""
    known = ROWS.keys() | DATABASE.keys() | ELSEWHERE
    for one in patient.books.findings():
        # of a pinned checkpoint that covers more than there is, check_checkpoints says more
        if one.kind not in known and not _is_short_of_pin(one):
            yield patient.fault(LOG.get(one.kind, "seal-broken"), one.where, one.message)


def _is_short_of_pin(finding: Finding) -> bool:
    return finding.kind == "truncated" and finding.where.startswith("pinned")
