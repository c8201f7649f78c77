"""Mending what can be mended without losing evidence. Nothing is deleted: what is in the way goes to `set_aside/`.

Where something acknowledged was lost or changed (a kind with `evidence`), the books stay as they are: no DBOM file is
moved and the ledger is not opened, for its recovery would judge files by rows that cannot be trusted.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from green_logic.audit.folder import writers_alive
from green_logic.doctor.examine import Diagnosis
from green_logic.doctor.kinds import KINDS
from green_logic.doctor.leftovers import ARCHIVE_LOCK, BACKUP_LOCK, EXPORT_LOCK, is_at_work
from green_logic.doctor.patient import Fault, Patient
from green_logic.errors import ConfigurationError
from green_logic.files import FileLock, make_directory, storage_errors, sync_directory, write_file
from green_logic.ledger.database import Ledger
from green_logic.ledger.log import write_checkpoint
from green_logic.ledger.schema import LOCK_NAME, connect, database_errors, put_guards_back
from green_logic.ledger.shelf import ARCHIVES_NAME
from green_logic.proof.checkpoint import trusted_keys
from green_logic.settings import PUBLIC_NAME, Settings

SET_ASIDE = "set_aside"
MOVED = frozenset({"leftover", "backup-unfinished", "archive-without-manifest", "spool", "foreign-file"})
REBUILT = frozenset({"dbom-missing", "dbom-unreadable", "dbom-torn", "dbom-swapped", "dbom-downgraded", "dbom-edited"})
ORPHANS = frozenset({"dbom-planted", "dbom-unrecorded"})
NOTES = frozenset({"checkpoint-lost", "checkpoint-foreign", "checkpoint-stale"})
PUBLIC_KEYS = frozenset({"public-key-lost", "public-key-differs"})
GUARD = "guard-lost"
OPENED = REBUILT | ORPHANS  # only opening the ledger for writing mends these


@dataclass(frozen=True)
class Mended:
    """One thing that was done, and to what."""

    kind: str
    where: str
    act: str


def repair(diagnosis: Diagnosis) -> list[Mended]:
    """Mend, and say what was done; a second call does nothing. `examine` afterwards tells what is left.

    Raises ConfigurationError while another process works on the ledger, StorageError when it cannot be written.
    """
    patient, faults = diagnosis.patient, diagnosis.faults
    data_dir = patient.settings.data_dir
    if is_at_work(data_dir, writing=writers_alive(patient.settings)):
        raise ConfigurationError("another process works on this ledger", hint="end it first; nothing was changed")
    with storage_errors("cannot repair"):
        done = [_close_key(fault) for fault in faults if fault.kind == "key-exposed"]
        done += _move(patient, [fault for fault in faults if fault.kind in MOVED])
        if not _are_for_an_auditor({fault.kind for fault in faults}):
            done += _mend_books(patient, faults)
    return done


def _are_for_an_auditor(kinds: Set[str]) -> bool:
    """Whether the books stay as they are. Without its guard, a lost row is no longer what only a crash leaves."""
    return any(KINDS[kind].evidence for kind in kinds) or (GUARD in kinds and not kinds.isdisjoint(ORPHANS))


def _close_key(fault: Fault) -> Mended:
    Path(fault.where).chmod(0o600)
    return Mended(fault.kind, fault.where, "mode is 600 now")


def _mend_books(patient: Patient, faults: Sequence[Fault]) -> list[Mended]:
    """Triggers, DBOM files, `judge.pub` and the file `checkpoint`; the rows are known to be good."""
    done = _put_guards_back(patient, [fault for fault in faults if fault.kind == GUARD])
    pem, checkpoints = _own_public_keys(patient), patient.books.checkpoints
    if pem:
        done += _replace(patient, faults, PUBLIC_KEYS, lambda folder: write_file(folder / PUBLIC_NAME, pem))
    if checkpoints:
        done += _replace(patient, faults, NOTES, lambda folder: write_checkpoint(folder, checkpoints[-1]))
    mendable = [fault for fault in faults if fault.kind in OPENED]
    if mendable and _can_open(patient):
        done += _move(patient, mendable)
        done += _open_once(patient, mendable)
    return done


def _put_guards_back(patient: Patient, faults: Sequence[Fault]) -> list[Mended]:
    """Make the triggers again: everything they guard was found to be as it was signed."""
    if not faults:
        return []
    settings = patient.settings
    with (
        _locks(settings, patient.backups),
        database_errors(settings.database),
        contextlib.closing(connect(settings.database, busy_timeout_s=settings.busy_timeout_s)) as connection,
    ):
        put_guards_back(connection)
    return [Mended(fault.kind, fault.where, "made again") for fault in faults]


def _replace(
    patient: Patient, faults: Sequence[Fault], kinds: frozenset[str], write: Callable[[Path], None]
) -> list[Mended]:
    """Move a file aside, if it is there, and write what the ledger says it is."""
    alike = [fault for fault in faults if fault.kind in kinds]
    if not alike:
        return []
    done = _move(patient, alike)
    with _locks(patient.settings, patient.backups):
        write(patient.settings.data_dir)
    return [*done, *(Mended(fault.kind, fault.where, "written anew from the ledger") for fault in alike)]


def _own_public_keys(patient: Patient) -> bytes:
    """What `judge.pub` must hold: the ledger's keys as far as our own private key vouches for them; empty if not all.

    The file that is wrong vouches for nothing.
    """
    key, books = patient.key, patient.books
    if key is None or key.keyid not in books.keyids:
        return b""
    trusted = trusted_keys({key.keyid: key.public}, books.checkpoints)
    if not trusted.keys() >= set(books.keyids):
        return b""
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return b"".join(dict.fromkeys(trusted[keyid].public_bytes(*form) for keyid in books.keyids))


def _can_open(patient: Patient) -> bool:
    key, path = patient.key, patient.key_file
    exposed = path is not None and path.exists() and bool(path.stat().st_mode & 0o077)
    return key is not None and not exposed and key.keyid == patient.books.keyids[-1]


def _open_once(patient: Patient, faults: Sequence[Fault]) -> list[Mended]:
    """Let the ledger's own recovery put back what rows and key can make."""
    if patient.key is None:
        return []
    with Ledger.open(patient.settings, patient.key):
        pass
    return [Mended(one.kind, one.where, "put back from the ledger") for one in faults if one.kind in REBUILT]


def _move(patient: Patient, faults: Sequence[Fault]) -> list[Mended]:
    data_dir = patient.settings.data_dir
    # what lies elsewhere, as in backups on another disk, is left to the command that made it
    mine = [fault for fault in faults if Path(fault.where).is_relative_to(data_dir)]
    if not mine:
        return []
    with _locks(patient.settings, patient.backups):
        return [
            Mended(fault.kind, fault.where, f"moved to {_set_aside(data_dir, Path(fault.where))}")
            for fault in mine
            if os.path.lexists(fault.where)
        ]


def _set_aside(data_dir: Path, path: Path) -> Path:
    """Where a file or folder lies now: the same place below `set_aside/`, with a number if that name is taken."""
    wanted = data_dir / SET_ASIDE / path.relative_to(data_dir)
    make_directory(wanted.parent)
    target, number = wanted, 1
    while os.path.lexists(target):
        number += 1
        target = wanted.with_name(f"{wanted.name}.{number}")
    path.rename(target)  # under the locks, so that nobody takes the name meanwhile
    sync_directory(target.parent)
    sync_directory(path.parent)
    return target


@contextlib.contextmanager
def _locks(settings: Settings, backups: Path) -> Iterator[None]:
    """Keep writers and publications out while something moves."""
    data_dir = settings.data_dir
    folders = {LOCK_NAME: data_dir, EXPORT_LOCK: data_dir, ARCHIVE_LOCK: data_dir / ARCHIVES_NAME, BACKUP_LOCK: backups}
    with contextlib.ExitStack() as stack:
        for name, folder in folders.items():
            if folder.is_dir():
                stack.enter_context(FileLock(folder / name, timeout_s=settings.busy_timeout_s).held())
        yield
