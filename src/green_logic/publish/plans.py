"""What a publication would do, found out by reading: no lock is taken, no directory made, no file touched.

What goes on meanwhile may change it. The plan of an export stands beside the export.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from green_logic.files import storage_errors
from green_logic.ledger.log import Log
from green_logic.ledger.reading import open_for_reading
from green_logic.ledger.schema import read_meta
from green_logic.proof.dbom import dbom_name
from green_logic.publish.archive import check_ledger
from green_logic.publish.archive_copies import open_for_copies
from green_logic.publish.archive_files import archives_directory, find_archives, find_gaps
from green_logic.publish.backup import check_place, find_manifests
from green_logic.publish.compact import find_groups
from green_logic.publish.export_lock import open_for_export
from green_logic.publish.leaves import Progress, no_progress, read_leaves
from green_logic.publish.leftovers import check_whole
from green_logic.publish.manifest import read_catalog
from green_logic.publish.remote import RemoteStore
from green_logic.publish.remote_backup import find_remote_manifests
from green_logic.publish.restore import check_backup, check_target
from green_logic.publish.retention import STAMP_FORM, free_name, parse_keep, root_of, thin_out
from green_logic.publish.store import LocalStore, is_uri, open_store
from green_logic.settings import Settings


@dataclass(frozen=True)
class ArchivePlan:
    """Ranges of leaves that would become archives, DBOM files that would be removed, and where copies would go."""

    new: tuple[tuple[int, int], ...]
    dboms: int
    ledger_size: int
    prunable: int
    destination: str = ""


@dataclass(frozen=True)
class BackupPlan:
    """The backup that would be made, of about that size, and older ones that would be removed.

    `spared` would stay though no rule keeps them: this ledger does not continue them.
    """

    place: str
    ledger_size: int
    database_bytes: int
    removed: tuple[str, ...]
    spared: tuple[str, ...] = ()


@dataclass(frozen=True)
class RestorePlan:
    """What would be restored where. The files have their digests; whether each row is good, a drill tells."""

    backup: str
    target: str
    ledger_size: int
    created_at: str
    size_bytes: int


@dataclass(frozen=True)
class CompactPlan:
    """Files that would be merged."""

    destination: str
    files_before: int
    files_after: int
    merged: int
    rows: int


def plan_archive(settings: Settings, *, prune: bool = False, destination: str = "") -> ArchivePlan:
    """What `archive_dboms` would do, and then `copy_archives` if there is a `destination`.

    Raises what they raise for archives that are not this ledger's, or a place that can be none.
    """
    with storage_errors("cannot look at the archives"), open_for_reading(settings) as connection:
        (size,) = connection.execute("SELECT count(*) FROM ledger").fetchone()
        archives = find_archives(archives_directory(settings))
        check_ledger(archives, read_meta(connection), size)
        new = tuple(find_gaps(archives, size))
        prunable = 0
        if prune:
            present = {path.name for path in settings.dboms.iterdir()}
            leaves = read_leaves(connection, 0, size - 1)
            prunable = sum(dbom_name(leaf.battle_id) in present for leaf in leaves)
        address = open_for_copies(settings, destination).address if destination else ""
    return ArchivePlan(new, sum(last - first + 1 for first, last in new), size, prunable, address)


def plan_backup(settings: Settings, destination: str | None = None, keep: str | None = None) -> BackupPlan:
    """What `backup_to` would do. Raises what it raises before it begins."""
    rules = parse_keep(keep) if keep else {}
    with storage_errors("cannot look at the backups"), open_for_reading(settings) as connection:
        log = Log(connection)
        size = log.size()
        place, taken, complete = _find_there(settings, destination, read_meta(connection)["origin"])
        name = free_name(datetime.now(UTC).strftime(STAMP_FORM), taken)
        new = {name: {"ledger_size": size, "root": root_of(log, size)}}
        removed, spared = thin_out({**complete, **new}, rules, log, name) if rules else ([], [])
    return BackupPlan(
        place=f"{place}/{name}",
        ledger_size=size,
        database_bytes=settings.database.stat().st_size,
        removed=tuple(removed),
        spared=tuple(spared),
    )


def plan_restore(backup: Path, target: Path, *, place: str = "", progress: Progress = no_progress) -> RestorePlan:
    """What `restore` would do, once every file of the backup was compared with its digest. Raises what it raises."""
    with storage_errors("cannot look at the backup"):
        check_target(target, backup)
        manifest = check_backup(backup, progress)
    return RestorePlan(
        backup=place or str(backup),
        target=str(target),
        ledger_size=manifest["ledger_size"],
        created_at=manifest["created_at"],
        size_bytes=sum(file["size_bytes"] for file in manifest["files"].values()),
    )


def plan_compact(settings: Settings, *, destination: str | Path | None = None) -> CompactPlan:
    """What `compact_exports` would do. Raises what it raises for a destination that is not whole."""
    with storage_errors("cannot look at the export"):
        with open_for_reading(settings):
            pass  # as for the compaction itself: without a ledger there is nothing of ours
        store = open_for_export(settings, destination)
        catalog = read_catalog(store)
        check_whole(store, catalog)
    groups = find_groups(catalog.files)
    merged = [file for group in groups for file in group]
    return CompactPlan(
        destination=store.address,
        files_before=len(catalog.files),
        files_after=len(catalog.files) - len(merged) + len(groups),
        merged=len(merged),
        rows=sum(file.rows for file in merged),
    )


def _find_there(
    settings: Settings, destination: str | None, origin: str
) -> tuple[str, Collection[str], Mapping[str, Mapping[str, Any]]]:
    """Where backups go, which names are taken there, and the manifests of this ledger's complete ones."""
    store = open_store(settings, destination, product="") if is_uri(destination) else None
    if isinstance(store, RemoteStore):
        taken = {name.partition("/")[0] for name in store.walk()}
        return store.address, taken, find_remote_manifests(store, origin)
    root = store.root if isinstance(store, LocalStore) else Path(destination or settings.data_dir / "backups")
    check_place(settings, root)
    if not root.is_dir():
        return str(root), (), {}
    return str(root), [path.name for path in root.iterdir()], find_manifests(root, origin)
