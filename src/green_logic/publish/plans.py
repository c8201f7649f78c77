"""What a publication would do, found out by reading: no lock is taken, no directory made, no file touched.

What goes on meanwhile may change it. The plan of an export stands beside the export.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from green_logic.errors import ConfigurationError
from green_logic.files import storage_errors
from green_logic.ledger.reading import open_for_reading
from green_logic.ledger.schema import read_meta
from green_logic.proof.dbom import dbom_name
from green_logic.publish.archive import check_ledger
from green_logic.publish.archive_files import archives_directory, find_archives, find_gaps
from green_logic.publish.backup import find_backups
from green_logic.publish.compact import find_groups
from green_logic.publish.leaves import Progress, no_progress, read_leaves
from green_logic.publish.leftovers import check_sizes
from green_logic.publish.manifest import read_catalog
from green_logic.publish.remote import RemoteStore
from green_logic.publish.remote_backup import find_remote_backups
from green_logic.publish.restore import check_backup, check_empty
from green_logic.publish.retention import STAMP_FORM, free_name, parse_keep, select_surplus
from green_logic.publish.store import LocalStore, is_uri, open_store
from green_logic.settings import Settings


@dataclass(frozen=True)
class ArchivePlan:
    """Ranges of leaves that would become archives, and DBOM files that would be removed."""

    new: tuple[tuple[int, int], ...]
    dboms: int
    ledger_size: int
    prunable: int


@dataclass(frozen=True)
class BackupPlan:
    """The backup that would be made, of about that size, and older ones that would be removed."""

    place: str
    ledger_size: int
    database_bytes: int
    removed: tuple[str, ...]


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


def plan_archive(settings: Settings, *, prune: bool = False) -> ArchivePlan:
    """What `archive_dboms` would do. Raises what it raises for archives that are not this ledger's."""
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
    return ArchivePlan(new, sum(last - first + 1 for first, last in new), size, prunable)


def plan_backup(settings: Settings, destination: str | None = None, keep: str | None = None) -> BackupPlan:
    """What `backup_to` would do. Raises what it raises before it begins."""
    rules = parse_keep(keep) if keep else {}
    with storage_errors("cannot look at the backups"):
        with open_for_reading(settings) as connection:
            (size,) = connection.execute("SELECT count(*) FROM ledger").fetchone()
            origin = read_meta(connection)["origin"]
        place, there = _find_there(settings, destination, origin)
        name = free_name(datetime.now(UTC).strftime(STAMP_FORM), there)
        complete = [one for one, whole in there.items() if whole]
        removed = select_surplus([*complete, name], rules) if rules else []
    return BackupPlan(
        place=f"{place}/{name}",
        ledger_size=size,
        database_bytes=settings.database.stat().st_size,
        removed=tuple(one for one in removed if one != name),
    )


def plan_restore(backup: Path, target: Path, *, place: str = "", progress: Progress = no_progress) -> RestorePlan:
    """What `restore` would do, once every file of the backup was compared with its digest. Raises what it raises."""
    with storage_errors("cannot look at the backup"):
        check_empty(target)
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
        store = open_store(settings, destination)
        catalog = read_catalog(store)
        check_sizes(store, catalog)
    groups = find_groups(catalog.files)
    merged = [file for group in groups for file in group]
    return CompactPlan(
        destination=store.address,
        files_before=len(catalog.files),
        files_after=len(catalog.files) - len(merged) + len(groups),
        merged=len(merged),
        rows=sum(file.rows for file in merged),
    )


def _find_there(settings: Settings, destination: str | None, origin: str) -> tuple[str, Mapping[str, bool]]:
    """Where backups go, and which names are taken there: True for those that are complete and of this ledger."""
    store = open_store(settings, destination, product="") if is_uri(destination) else None
    if isinstance(store, RemoteStore):
        taken = {name.partition("/")[0] for name in store.walk()}
        complete = set(find_remote_backups(store, origin))
        return store.address, {name: name in complete for name in taken}
    root = store.root if isinstance(store, LocalStore) else Path(destination or settings.data_dir / "backups")
    if root.exists() and not root.is_dir():
        raise ConfigurationError(f"{root}: a file stands where backups should go", hint="choose another directory")
    complete = {path.name for path in find_backups(root, origin)} if root.is_dir() else set()
    names = [path.name for path in root.iterdir()] if root.is_dir() else []
    return str(root), {name: name in complete for name in names}
