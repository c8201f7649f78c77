"""Backups: database, DBOMs, public keys and checkpoint at one size of the ledger, taken while others write.

The order makes it consistent: the database first, in one read transaction (`VACUUM INTO`), then a DBOM for each of its
rows; a DBOM is on the disk before its row is. It keeps no writer out, see docs/backup.md. A backup gets its name once
it was restored into a scratch directory and every row of that was checked; what a crash leaves has no name and is
removed by the next run.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization

from green_logic.errors import ConfigurationError, VerificationError
from green_logic.files import (
    TEMPORARY_PREFIX,
    FileLock,
    make_directory,
    storage_errors,
    sync_directory,
    sync_file,
    write_file,
)
from green_logic.ledger.log import Log, newest_checkpoint
from green_logic.ledger.schema import key_ranges, read_meta
from green_logic.proof.dbom import dbom_name, utc_now
from green_logic.publish.archive_files import find_gaps
from green_logic.publish.inspection import load_keys, open_copy
from green_logic.publish.inventory import file_digest, write_inventory
from green_logic.publish.leaves import (
    Progress,
    no_progress,
    open_beside_writers,
    ordered_members,
    read_leaves,
)
from green_logic.publish.pack import write_pack
from green_logic.publish.restore import DATABASE_NAME, MANIFEST_NAME, SCHEMA, read_backup, rehearse
from green_logic.publish.retention import STAMP_FORM, free_name, parse_keep, parse_stamp, root_of, thin_out
from green_logic.publish.room import ROOM_BY_HAND, telling_room
from green_logic.publish.store import check_open
from green_logic.settings import CHECKPOINT_NAME, PUBLIC_NAME, Settings

LOCK_NAME = ".backup.lock"
SCRATCH_ENDING = ".scratch"


@dataclass(frozen=True)
class BackupReport:
    """What one run did. Times in seconds; `snapshot_s` is how long the ledger was read."""

    path: Path
    origin: str
    ledger_size: int
    size_bytes: int
    snapshot_s: float
    seconds: float
    removed: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()  # that stay whatever `keep` says: this ledger does not continue them
    swept: int = 0
    place: str = ""  # of a backup behind a URI; its `path` is then only the name
    create_only: bool = True  # False: the place cannot refuse an overwrite by a stranger


def backup(
    settings: Settings, destination: Path | None = None, keep: str | None = None, *, progress: Progress = no_progress
) -> BackupReport:
    """Back up the ledger into a new directory under `destination` (default `data/backups`), named after the moment.

    `keep` such as "7d,4w,12m" removes complete backups there that no rule keeps and that this ledger continues. Raises
    LedgerMissingError, ConfigurationError, StorageError, and VerificationError when the ledger itself is damaged: no
    backup of that is called complete.
    """
    started = time.monotonic()
    rules = parse_keep(keep) if keep else None
    root = destination or settings.data_dir / "backups"
    with (
        telling_room(root, ROOM_BY_HAND if rules else "") as room,
        storage_errors("cannot back up"),
        open_beside_writers(settings) as connection,
    ):
        # the copy and its trial restore, each with the DBOMs
        room.needed = 3 * settings.database.stat().st_size
        make_directory(root)
        with FileLock(root / LOCK_NAME, timeout_s=settings.busy_timeout_s).held():
            swept = _sweep(root)
            path = _new_name(root)
            work = root / (TEMPORARY_PREFIX + path.name)
            try:
                manifest, snapshot_s = _collect(settings, connection, work, progress)
                work.rename(path)
            finally:
                shutil.rmtree(work, ignore_errors=True)
                shutil.rmtree(_scratch(work), ignore_errors=True)
            sync_directory(root)
            removed, spared = _retain(root, rules, path.name, Log(connection)) if rules else ([], [])
    return BackupReport(
        path=path,
        origin=manifest["origin"],
        ledger_size=manifest["ledger_size"],
        size_bytes=sum(file["size_bytes"] for file in manifest["files"].values()),
        snapshot_s=snapshot_s,
        seconds=time.monotonic() - started,
        removed=tuple(removed),
        spared=tuple(spared),
        swept=swept,
    )


def find_backups(root: Path, origin: str | None = None) -> list[Path]:
    """The complete backups under a directory, oldest first; only those of the ledger `origin` if given.

    What has another name or no good manifest is none.
    """
    return [root / name for name in find_manifests(root, origin)]


def find_manifests(root: Path, origin: str | None = None) -> dict[str, dict[str, Any]]:
    """The manifests of the same by their backups' names."""
    stamped = sorted((stamp, path) for path in root.iterdir() if (stamp := parse_stamp(path.name)))
    found = {path.name: manifest for _, path in stamped if (manifest := _read_complete(path))}
    return {name: manifest for name, manifest in found.items() if origin in {None, manifest["origin"]}}


def check_place(settings: Settings, root: Path) -> None:
    """Raises ConfigurationError in the data directory but for backups/, StorageError where nothing can be written."""
    data, place = (Path(os.path.realpath(path)) for path in (settings.data_dir, root))
    if place.is_relative_to(data) and not place.is_relative_to(data / "backups"):
        raise ConfigurationError(
            f"{root}: inside the data directory, backups lie in backups/ only",
            hint="leave it away, or better choose another disk",
        )
    check_open(root, "cannot back up", "place for backups (backup_to)")


def _collect(
    settings: Settings, connection: sqlite3.Connection, work: Path, progress: Progress
) -> tuple[dict[str, Any], float]:
    """Fill `work`, and rehearse a restore from it; the manifest and the seconds that the snapshot took."""
    work.mkdir()
    created_at = utc_now()
    started = time.monotonic()
    progress("copying the database", 0, 0)
    connection.execute("VACUUM INTO ?", (str(work / DATABASE_NAME),))
    snapshot_s = time.monotonic() - started
    sync_file(work / DATABASE_NAME)  # VACUUM INTO does not
    with open_copy(work / DATABASE_NAME) as copy:
        meta = read_meta(copy)
        (size,) = copy.execute("SELECT count(*) FROM ledger").fetchone()
        keyids = [keyid for _, keyid in key_ranges(meta)]
        _write_keys(settings.data_dir, keyids, work)
        _write_checkpoint(copy, work)
        _write_dboms(copy, settings.dboms, size, work, progress)
        root = root_of(Log(copy), size)
    manifest = {
        "schema": SCHEMA,
        "created_at": created_at,
        "origin": meta["origin"],
        "keyids": keyids,
        "ledger_size": size,
        "root": root,
        "sqlite_version": sqlite3.sqlite_version,
        "files": {
            path.name: {"sha256": file_digest(path), "size_bytes": path.stat().st_size}
            for path in sorted(work.iterdir())
        },
    }
    write_inventory(work / MANIFEST_NAME, manifest)
    rehearse(work, manifest, _scratch(work), progress)
    return manifest, snapshot_s


def _write_keys(data_dir: Path, keyids: Iterable[str], work: Path) -> None:
    """The public keys of the snapshot's rows; one that came since, with a change of keys, belongs to later backups."""
    keys = load_keys(data_dir)
    missing = [keyid for keyid in keyids if keyid not in keys]
    if missing:
        raise VerificationError(f"{data_dir / PUBLIC_NAME}: lacks the key {missing[0]}", kind="public-key")
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    write_file(work / PUBLIC_NAME, b"".join(keys[keyid].public_bytes(*form) for keyid in dict.fromkeys(keyids)))


def _write_checkpoint(copy: sqlite3.Connection, work: Path) -> None:
    # out of the snapshot: the file in the data directory may be of a larger ledger by now
    checkpoint = newest_checkpoint(copy)
    if checkpoint is not None:
        write_file(work / CHECKPOINT_NAME, checkpoint.note.encode())


def _write_dboms(copy: sqlite3.Connection, dboms: Path, size: int, work: Path, progress: Progress) -> None:
    for first, last in find_gaps([], size):
        path = work / f"dboms-{first:012d}-{last:012d}.tar.gz"
        leaves = read_leaves(copy, first, last)
        with path.open("xb") as file:
            log = [dbom_name(leaf.battle_id) for leaf in leaves]
            write_pack(file, ordered_members(copy, dboms, leaves, progress), log)
        sync_file(path)


def _scratch(work: Path) -> Path:
    return work.with_name(work.name + SCRATCH_ENDING)


def _new_name(root: Path) -> Path:
    return root / free_name(datetime.now(UTC).strftime(STAMP_FORM), [path.name for path in root.iterdir()])


def _sweep(root: Path) -> int:
    """Remove what a crash left: backups that were never complete, or were being removed. How many."""
    leftovers = [path for path in root.iterdir() if _is_leftover(path.name)]
    for path in leftovers:
        shutil.rmtree(path)
    return len(leftovers)


def _is_leftover(name: str) -> bool:
    stem = name.removeprefix(TEMPORARY_PREFIX).removesuffix(SCRATCH_ENDING)
    return name.startswith(TEMPORARY_PREFIX) and parse_stamp(stem) is not None


def _read_complete(path: Path) -> dict[str, Any] | None:
    with contextlib.suppress(VerificationError, ConfigurationError, OSError):
        manifest = read_backup(path)
        files: dict[str, Any] = manifest["files"]
        # one that lost a file must not stay in the place of a good one, nor one go that holds anything else
        there = {entry.name: entry.stat(follow_symlinks=False).st_size for entry in path.iterdir()}
        expected = {name: file["size_bytes"] for name, file in files.items()}
        if there.keys() == {*expected, MANIFEST_NAME} and expected.items() <= there.items() and not path.is_symlink():
            return manifest
    return None


def _retain(root: Path, rules: dict[str, int], new: str, log: Log) -> tuple[list[str], list[str]]:
    manifests = find_manifests(root, read_backup(root / new)["origin"])
    surplus, spared = thin_out(manifests, rules, log, new)
    for name in surplus:
        # without its name first: half a backup must not look like one
        doomed = (root / name).rename(root / (TEMPORARY_PREFIX + name))
        sync_directory(root)
        shutil.rmtree(doomed)
    return surplus, spared
