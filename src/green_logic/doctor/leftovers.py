"""What a crash left in a data directory. Nothing that a living process may be writing counts as such."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from green_logic.audit.exports import is_busy, path_of
from green_logic.audit.folder import writers_alive
from green_logic.doctor.patient import Fault, Patient
from green_logic.errors import ConfigurationError, VerificationError
from green_logic.files import TEMPORARY_PREFIX, is_held
from green_logic.ledger.shelf import ARCHIVES_NAME
from green_logic.publish.archive_copies import COPY_NAME
from green_logic.publish.archive_files import NAME, find_archives, parse_name, read_manifest
from green_logic.publish.parts import PART_NAME
from green_logic.publish.published import find_roots, own_root
from green_logic.publish.restore import read_backup
from green_logic.publish.retention import parse_stamp
from green_logic.publish.scratch import find_abandoned
from green_logic.publish.store import is_uri
from green_logic.settings import Settings

EXPORT_LOCK, ARCHIVE_LOCK, BACKUP_LOCK, SERVE_LOCK = ".export.lock", ".archive.lock", ".backup.lock", ".serve.lock"
LOCKS = (".ledger.lock", ".writers.lock", EXPORT_LOCK, SERVE_LOCK, f"{ARCHIVES_NAME}/{ARCHIVE_LOCK}")
RUN_FOLDERS = ("", "dboms", "rejected", "not_evaluated", "inbox", "inbox/done", "inbox/failed")
_SCRATCH = re.compile(rf"{re.escape(TEMPORARY_PREFIX)}(.+?)(\.scratch)?")


@dataclass(frozen=True)
class Leftover:
    """A file or a folder that counts for nothing."""

    kind: str
    path: Path
    message: str


def find_leftovers(settings: Settings, backups: Path, *, at_work: bool) -> Iterator[Leftover]:
    """Every one, in a fixed order. With `at_work`, what judges and importers write is left out."""
    data_dir = settings.data_dir
    for name in () if at_work else RUN_FOLDERS:
        for path in _temporaries(data_dir / name):
            yield Leftover("leftover", path, "half-written")
    if not is_held(data_dir / ARCHIVES_NAME / ARCHIVE_LOCK):
        yield from _in_archives(data_dir / ARCHIVES_NAME, data_dir / ".spool" / "export")
    if not is_held(data_dir / EXPORT_LOCK):
        yield from _in_uploads(data_dir / ".spool" / "export")
    for root in find_roots(settings):
        if root.is_dir() and not is_busy(settings, root):
            yield from _in_export(root)
    if not is_held(backups / BACKUP_LOCK):
        for path in _temporaries(backups):
            found = _SCRATCH.fullmatch(path.name)
            if found and parse_stamp(found[1]):
                yield Leftover("backup-unfinished", path, "never complete")


def is_at_work(data_dir: Path, *, writing: bool) -> bool:
    """Whether a judge, an importer (`writing`) or a service is alive here."""
    return writing or is_held(data_dir / SERVE_LOCK)


def _temporaries(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.name.startswith(TEMPORARY_PREFIX))


def _in_archives(folder: Path, spool: Path) -> Iterator[Leftover]:
    for path in sorted(spool.iterdir()) if spool.is_dir() else ():
        if COPY_NAME.fullmatch(path.name):
            yield Leftover("spool", path, "work of a process that is gone")
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.startswith(TEMPORARY_PREFIX):
            yield Leftover("leftover", path, "half-written")
        elif NAME.fullmatch(path.name):
            with suppress(VerificationError):
                if not parse_name(path).manifest.exists():
                    yield Leftover("archive-without-manifest", path, "there is no manifest beside it")


def _in_uploads(folder: Path) -> Iterator[Leftover]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        # what was uploaded is on record beside the files, and copies of archives are under another lock: see above
        if PART_NAME.fullmatch(path.name):
            yield Leftover("spool", path, "work of a process that is gone")


def _in_export(root: Path) -> Iterator[Leftover]:
    spool = root / "_spool"
    for path in sorted(spool.iterdir()) if spool.is_dir() else ():
        yield Leftover("spool", path, "work of a process that is gone")
    for path in sorted(root.rglob(f"{TEMPORARY_PREFIX}*")):
        if path.parent.name != "_spool":
            yield Leftover("leftover", path, "half-written")


def check_leftovers(patient: Patient) -> Iterator[Fault]:
    """Half-written files, unfinished backups, archives without manifest, spools."""
    data_dir = patient.settings.data_dir
    at_work = is_at_work(data_dir, writing=writers_alive(patient.settings))
    for one in find_leftovers(patient.settings, patient.backups, at_work=at_work):
        yield patient.fault(one.kind, one.path, one.message)
    for folder in sorted({data_dir.absolute().parent, Path(tempfile.gettempdir())}):
        for path in find_abandoned(folder):
            yield patient.fault("scratch", path, "its process is gone")


def check_locks(patient: Patient) -> Iterator[Fault]:
    """Notes only: whether the lock files are held."""
    paths = [patient.settings.data_dir / name for name in LOCKS] + [patient.backups / BACKUP_LOCK]
    for path in paths:
        if path.exists():
            held = is_held(path)
            yield patient.fault(
                "writer-alive" if held else "stale-lock", path, "held by a living process" if held else "free"
            )


def check_publications(patient: Patient) -> Iterator[Fault]:
    """Archives, exports and backups hold what the ledger says; backups elsewhere have their manifests and sizes."""
    data_dir, books = patient.settings.data_dir, patient.books
    folder = data_dir / ARCHIVES_NAME
    audited = books.report is not None
    exports = own_root(patient.settings)
    places = {"archive": folder, "backup": data_dir / "backups"}
    for kind, place in places.items() if audited else ():
        for one in books.findings(kind):  # the audit has read them
            yield patient.fault(f"{kind}-damaged", place / one.where, one.message)
    for one in books.findings("export"):
        yield patient.fault("export-damaged", path_of(exports, one.where), one.message)
    for one in books.findings("companion"):
        yield patient.fault("companion-foreign", data_dir / one.where, one.message)
    for one in books.findings("stray"):
        if one.where.endswith(".parquet"):  # packs without manifest are leftovers, which are looked for above
            yield patient.fault("export-stray", path_of(exports, one.where), one.message)
    if is_uri(patient.settings.export_to):
        yield patient.fault("export-elsewhere", "export_to", "says that exports go behind an address")
    if not audited:
        yield from _check_archives(patient, folder)
    if audited and patient.backups == places["backup"]:
        return
    for path in sorted(patient.backups.iterdir()) if patient.backups.is_dir() else ():
        if parse_stamp(path.name) is not None:
            yield from _check_backup(patient, path)


def _check_archives(patient: Patient, folder: Path) -> Iterator[Fault]:
    try:
        for archive in find_archives(folder):
            yield from _check_archive(patient, archive.manifest)
    except VerificationError as error:
        yield patient.fault("archive-damaged", folder, error.message)


def _check_archive(patient: Patient, manifest: Path) -> Iterator[Fault]:
    archive = parse_name(manifest)
    try:
        expected = read_manifest(archive)["size_bytes"]
        found = archive.pack.stat().st_size
    except VerificationError as error:
        yield patient.fault("archive-damaged", manifest, error.message)
    except OSError as error:
        yield patient.fault("archive-damaged", archive.pack, error.strerror or str(error))
    else:
        if found != expected:
            yield patient.fault("archive-damaged", archive.pack, f"expected {expected} bytes, got {found}")


def _check_backup(patient: Patient, path: Path) -> Iterator[Fault]:
    try:
        files = read_backup(path)["files"]
    except (VerificationError, ConfigurationError) as error:
        yield patient.fault("backup-damaged", path, error.message)
        return
    except OSError as error:
        yield patient.fault("backup-damaged", path, error.strerror or str(error))
        return
    for name, expected in sorted(files.items()):
        found = (path / name).stat().st_size if (path / name).is_file() else None
        if found != expected["size_bytes"]:
            yield patient.fault("backup-damaged", path / name, f"expected {expected['size_bytes']} bytes, got {found}")
