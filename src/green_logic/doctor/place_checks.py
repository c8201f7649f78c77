"""Permissions, what waits for an operator, and the machine."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from green_logic.doctor.patient import Fault, Patient
from green_logic.doctor.surroundings import NETWORK_FILE_SYSTEMS, VOLATILE_FILE_SYSTEMS
from green_logic.errors import ConfigurationError
from green_logic.evaluation.sandbox import BACKENDS
from green_logic.proof.highwater import FOLDER
from green_logic.publish.backup import find_backups
from green_logic.publish.restore import read_backup
from green_logic.publish.retention import parse_stamp
from green_logic.publish.store import is_uri
from green_logic.settings import state_dir

BACKUP_AGE = timedelta(hours=26)  # one a night, and time to make it; the same as in docs/operations.md
ROOM_BYTES = 64 << 20  # below, the next group of battles and its WAL may not fit
FEW_FILES = 10_000  # inodes; a DBOM is a file
CLOCK_SLACK = timedelta(minutes=1)  # between two machines that keep time
# the first fixed releases of the WAL-reset bug, https://www.sqlite.org/wal.html#walresetbug
SQLITE_FIXED = ((3, 44, 6), (3, 50, 7), (3, 51, 3))
FASTAPI_BEFORE = (0, 151)  # the bound in pyproject.toml; from 0.155 on Prefect's server fails
OWN_FOLDERS = ("dboms", "rejected", "not_evaluated", "archives", "backups", "exports", "inbox", "set_aside")
OWN_FILES = (
    "battles.db",
    "battles.db-wal",
    "battles.db-shm",
    "judge.pub",
    "checkpoint",
    ".ledger.lock",
    ".writers.lock",
)


def check_permissions(patient: Patient) -> Iterator[Fault]:
    """This user may write where the judge must, and everything belongs to one user."""
    data_dir = patient.settings.data_dir
    if patient.around.read_only:
        yield patient.fault("read-only-file-system", data_dir, "its file system is mounted read-only")
        return
    if not data_dir.is_dir():
        return
    owner = data_dir.stat().st_uid
    for path in (data_dir, *(data_dir / name for name in (*OWN_FOLDERS, *OWN_FILES))):
        with suppress(FileNotFoundError):
            yield from _check_path(patient, path, owner)
    with suppress(FileNotFoundError, ConfigurationError):  # a user without a home signs nothing
        memory = state_dir() / FOLDER
        yield from _check_path(patient, memory, memory.stat().st_uid)


def _check_path(patient: Patient, path: Path, owner: int) -> Iterator[Fault]:
    status = path.stat()
    needed = stat.S_IWUSR | (stat.S_IXUSR if stat.S_ISDIR(status.st_mode) else stat.S_IRUSR)
    # the mode counts too: root may write anywhere, the service's user may not
    if status.st_mode & needed != needed or not os.access(path, os.W_OK):
        yield patient.fault("not-writable", path, f"has mode {stat.S_IMODE(status.st_mode):o} for user {status.st_uid}")
    if status.st_uid != owner:
        yield patient.fault("foreign-owner", path, f"belongs to user {status.st_uid}, the data to user {owner}")


def check_waiting(patient: Patient) -> Iterator[Fault]:
    """Nothing waits for an operator."""
    settings = patient.settings
    for kind, folder, suffix, what in (
        ("not-evaluated", settings.not_evaluated, ".json", "battles"),
        ("rejected-lines", settings.rejected, ".jsonl", "lists"),
        ("inbox-failed", settings.data_dir / "inbox" / "failed", ".report.json", "files"),
    ):
        names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        count = sum(1 for name in names if name.endswith(suffix) and not name.startswith("."))
        if count:
            yield patient.fault(kind, folder, f"{count} {what}")


def check_backups(patient: Patient) -> Iterator[Fault]:
    """There is a backup of this ledger, and it is young or nothing is new since."""
    books, folder = patient.books, patient.backups
    if not books.leaves:
        return
    mine = []
    for path in find_backups(folder) if folder.is_dir() else ():
        manifest = read_backup(path)
        if manifest["origin"] == books.origin:
            mine.append((parse_stamp(path.name), manifest["ledger_size"], path))
    stamp, size, path = mine[-1] if mine else (None, 0, folder)
    if stamp is None and is_uri(patient.settings.backup_to):
        yield patient.fault("backup-elsewhere", "backup_to", "says that backups go behind an address")
    elif stamp is None:
        yield patient.fault("backup-absent", folder, "holds no complete backup of this ledger")
    elif size < books.leaves and patient.around.now - stamp[0] > BACKUP_AGE:
        hours = (patient.around.now - stamp[0]).total_seconds() / 3600
        yield patient.fault("backup-old", path, f"is {hours:.0f} h old and lacks {books.leaves - size} battles")


def check_disk(patient: Patient) -> Iterator[Fault]:
    """There is room, on a file system that keeps what it acknowledged."""
    around, data_dir, database = patient.around, patient.settings.data_dir, patient.settings.database
    needed = 2 * (database.stat().st_size if database.is_file() else 0) + ROOM_BYTES
    if around.free_bytes < ROOM_BYTES:
        yield patient.fault("disk-full", data_dir, f"{around.free_bytes / 1e6:.0f} MB are free")
    elif around.free_bytes < needed:
        message = f"{around.free_bytes / 1e6:.0f} MB are free, expected {needed / 1e6:.0f} MB"
        yield patient.fault("disk-nearly-full", data_dir, message)
    if 0 <= around.free_files < FEW_FILES:
        yield patient.fault("inodes-nearly-out", data_dir, f"{around.free_files} more files fit")
    if around.file_system in NETWORK_FILE_SYSTEMS:
        yield patient.fault("network-file-system", data_dir, f"lies on {NETWORK_FILE_SYSTEMS[around.file_system]}")
    if around.file_system in VOLATILE_FILE_SYSTEMS:
        yield patient.fault("volatile-file-system", data_dir, f"lies on {VOLATILE_FILE_SYSTEMS[around.file_system]}")


def check_versions(patient: Patient) -> Iterator[Fault]:
    """SQLite and the packages around Prefect work together."""
    around = patient.around
    if not _is_fixed(around.sqlite):
        yield patient.fault("sqlite-wal-reset", "sqlite", f"is {'.'.join(map(str, around.sqlite))}")
    if "prefect" not in around.packages:
        return
    for kind, name, first, end in (
        ("prefect-version", "prefect", (3, 8, 8), (3, 9)),
        ("fastapi-incompatible", "fastapi", (0,), FASTAPI_BEFORE),
        ("sqlalchemy-version", "sqlalchemy", (0,), (2, 1)),
    ):
        version = around.packages.get(name)
        if version is not None and not first <= _numbers(version) < end:
            yield patient.fault(kind, name, f"is {version}, expected below {'.'.join(map(str, end))}")


def _is_fixed(version: tuple[int, ...]) -> bool:
    branch = next((fixed for fixed in SQLITE_FIXED if fixed[:2] == version[:2]), SQLITE_FIXED[-1])
    return version >= branch


def _numbers(version: str) -> tuple[int, ...]:
    """The release of a version: "3.8.8rc1" and "3.8.8" alike count as (3, 8, 8)."""
    numbers = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
    return tuple(numbers)


def check_judging(patient: Patient) -> Iterator[Fault]:
    """Hostile code can be isolated, and the model is there."""
    around = patient.around
    if not around.sandbox:
        yield patient.fault("sandbox-missing", "sandbox", around.sandbox_refusal)
    elif around.sandbox != BACKENDS[0]:
        yield patient.fault("sandbox-weak", "sandbox", f"is {around.sandbox}, the strongest is {BACKENDS[0]}")
    if around.sandbox and around.group_obstacle:
        yield patient.fault("limits-apart", "control group", f"{around.group_obstacle}; that is so for this process")
    if not around.weights_found:
        yield patient.fault("weights-missing", "embedding", around.weights)
    elif around.weights:
        yield patient.fault("weights-wrong", "embedding", around.weights)


def check_clock(patient: Patient) -> Iterator[Fault]:
    """The clock has not gone behind the last row."""
    with suppress(ValueError):  # a timestamp that is none is a finding of the audit
        last = datetime.fromisoformat(patient.books.last_timestamp)
        last = last if last.tzinfo else last.replace(tzinfo=UTC)
        if last - patient.around.now > CLOCK_SLACK:
            message = f"says {patient.around.now:%Y-%m-%dT%H:%M:%SZ}, the last row {patient.books.last_timestamp}"
            yield patient.fault("clock-behind", "clock", message)
