"""The publications that are killed, the faults that the checks must see, and what must hold of what a kill left."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from green_logic.audit.ledger import audit_ledger
from green_logic.ledger.database import Ledger
from green_logic.proof.dbom import dbom_name
from green_logic.publish import archive, archive_files, backup, companions, pruning, restore, store
from green_logic.publish.archive_check import check_archive
from green_logic.publish.archive_files import archives_directory, find_archives
from green_logic.publish.backup import find_backups
from green_logic.publish.compact import compact_exports
from green_logic.publish.export import export_battles
from green_logic.publish.manifest import DATA_PATH, read_catalog
from green_logic.publish.parquet import check_file
from green_logic.publish.restore import check_backup, drill
from green_logic.settings import Settings

LEAVES = 5  # in one archive, so that one run makes several
TARGET = "restored"
WORKS = ("export", "rebuild", "compact", "archive", "prune", "backup", "restore")


def work(settings: Settings, name: str) -> None:
    """One publication, small enough that a kill can hit all of it."""
    limit, archive_files.MAX_LEAVES = archive_files.MAX_LEAVES, LEAVES
    try:
        _publish(settings, name)
    finally:
        archive_files.MAX_LEAVES = limit


def _publish(settings: Settings, name: str) -> None:
    if name in {"export", "rebuild"}:
        export_battles(settings, rebuild=name == "rebuild")
    elif name == "compact":
        compact_exports(settings)
    elif name in {"archive", "prune"}:
        archive.archive_dboms(settings, prune=name == "prune")
    elif name == "backup":
        backup.backup(settings, keep="1d")
    elif name == "restore":
        restore.restore(find_backups(settings.data_dir / "backups")[-1], settings.data_dir.parent / TARGET)
    else:
        raise ValueError(name)


# --- faults: each a publication that is built in a wrong order


def spoil(fault: str) -> None:
    """Build the publications of this process wrong."""
    FAULTS[fault][1]()


def _manifest_first() -> None:
    publish, commit = store.LocalStore.publish_file, store.LocalStore.publish_bytes
    waiting: list[Any] = []

    def later(self: Any, source: Path, name: str) -> None:
        waiting.append((self, source, name))

    def first(self: Any, name: str, data: bytes) -> None:
        commit(self, name, data)
        for one in waiting:
            publish(*one)

    store.LocalStore.publish_file, store.LocalStore.publish_bytes = later, first  # type: ignore[method-assign]


def _old_manifests_first() -> None:
    commit = store.LocalStore.publish_bytes

    def instead(self: Any, name: str, data: bytes) -> None:
        for old in json.loads(data)["supersedes"]:
            self.remove(f"v1/_manifests/{old}")
        commit(self, name, data)

    store.LocalStore.publish_bytes = instead  # type: ignore[method-assign]


def _in_place() -> None:
    def instead(self: Any, name: str, data: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for start in range(0, len(data), 300):
                file.write(data[start : start + 300])
                file.flush()

    store.LocalStore.publish_bytes = instead  # type: ignore[method-assign]


def _archive_manifest_first() -> None:
    rename, write = archive.rename_new, archive.write_inventory
    waiting: list[Any] = []
    archive.rename_new = lambda *paths: waiting.append(paths)  # type: ignore[attr-defined]

    def instead(path: Path, content: Any) -> None:
        write(path, content)
        while waiting:
            rename(*waiting.pop())

    archive.write_inventory = instead  # type: ignore[attr-defined]


def _files_before_the_mark() -> None:
    write, remove = pruning.write_file, pruning._remove
    waiting: list[Any] = []
    pruning.write_file = lambda *mark: waiting.append(mark)  # type: ignore[attr-defined]

    def instead(*what: Any) -> int:
        removed = remove(*what)
        while waiting:
            write(*waiting.pop())
        return removed

    pruning._remove = instead


def _backup_in_place() -> None:
    collect = backup._collect

    def instead(settings: Settings, connection: Any, place: Path, progress: Any) -> Any:
        final = place.with_name(place.name.removeprefix(backup.TEMPORARY_PREFIX))
        found = collect(settings, connection, final, progress)
        final.rename(place)
        return found

    backup._collect = instead


def _old_backup_first() -> None:
    collect = backup._collect

    def instead(settings: Settings, connection: Any, place: Path, progress: Any) -> Any:
        for path in find_backups(place.parent):
            shutil.rmtree(path)
        return collect(settings, connection, place, progress)

    backup._collect = instead


def _restore_in_place() -> None:
    unpack = restore.unpack

    def instead(source: Path, manifest: Any, place: Path, **more: Any) -> None:
        final = place.with_name(TARGET)
        unpack(source, manifest, final, **more)
        final.rename(place)

    restore.unpack = instead


# what it is called -> the work that shows it, and how it comes about
FAULTS = {
    "the manifest before its files": ("export", _manifest_first),
    "a manifest written in place": ("export", _in_place),
    "superseded manifests removed first": ("compact", _old_manifests_first),
    "the archive's manifest before its pack": ("archive", _archive_manifest_first),
    "pruned before it is marked": ("prune", _files_before_the_mark),
    "a backup made under its name": ("backup", _backup_in_place),
    "old backups removed first": ("backup", _old_backup_first),
    "a restore in place": ("restore", _restore_in_place),
}

# --- what must hold


def check_left(settings: Settings, rows: dict[str, bytes], published: int) -> None:
    """Of what a kill left, as it is: nothing torn is visible, nothing is lost, nothing is there twice."""
    ids = exported_ids(settings)
    assert ids == list(range(1, len(ids) + 1)), "each id once, without a gap"
    assert published <= len(ids) <= len(rows), "what was published stays so"
    leaves = archived_leaves(settings)
    assert leaves == sorted(set(leaves)), "each leaf once"
    saved = find_backups(settings.data_dir / "backups")
    assert saved, "the one before, or the new one"
    for path in saved:
        check_backup(path)
    for name in rows:
        assert (settings.dboms / dbom_name(name)).exists() or archive.read_archived_dbom(settings, name)
    target = settings.data_dir.parent / TARGET
    if target.exists():
        found = {path.name for path in (target / "dboms").iterdir()}
        assert found == {dbom_name(name) for name in list(rows)[: len(found)]}, "all of what was backed up"
        assert_clean(Settings(data_dir=target))
    assert_clean(settings)


def finish(settings: Settings, works: list[str], key: Any) -> None:
    """The same again, and everything that was open."""
    pruned = not list(settings.dboms.iterdir())
    Ledger.open(settings, key).close()
    assert pruned == (not list(settings.dboms.iterdir())), "what is pruned stays so"
    for name in dict.fromkeys([*works, "export", "archive", "backup", "restore"]):
        if name == "restore":
            shutil.rmtree(settings.data_dir.parent / TARGET, ignore_errors=True)
        work(settings, name)
    if works and "restore" in works:  # the one above may have been of an older backup
        shutil.rmtree(settings.data_dir.parent / TARGET)
        work(settings, "restore")


def check_finished(settings: Settings, rows: dict[str, bytes], assert_whole: Any) -> None:
    """After the next run: everything is published, and nothing else lies about."""
    data = settings.data_dir
    assert exported_ids(settings) == list(range(1, len(rows) + 1))
    root = data / "exports" / "battles" / "v1"
    catalog = read_catalog(store.LocalStore(root.parent))
    assert {path.relative_to(root).as_posix() for path in root.rglob("*.parquet")} == {
        file.path for file in catalog.files
    }
    assert {path.name for path in (root / "_manifests").iterdir()} == {one.name for one in catalog.live}
    assert list((root.parent / "_spool").iterdir()) == []
    assert archived_leaves(settings) == list(range(len(rows)))
    parts = {
        getattr(one, part).name
        for one in find_archives(archives_directory(settings))
        for part in ("pack", "manifest", "mark")
    }
    beside = {archive.LOCK_NAME, *companions.NAMES}
    assert {path.name for path in archives_directory(settings).iterdir()} <= parts | beside
    (saved,) = find_backups(data / "backups")
    assert {path.name for path in (data / "backups").iterdir()} == {backup.LOCK_NAME, saved.name}
    assert drill(saved, data.parent).ledger_size == len(rows)
    assert sorted(path.name for path in data.parent.iterdir()) == sorted([data.name, TARGET])
    assert assert_whole(Settings(data_dir=data.parent / TARGET)) == rows
    assert_clean(settings)


def assert_clean(settings: Settings) -> None:
    """`green-logic verify` finds nothing but what a crash may leave and the next run removes."""
    tally = audit_ledger(settings).tally.as_json()
    assert [kind for kind in tally if kind["kind"] != "stray"] == []


def exported_ids(settings: Settings) -> list[int]:
    """The published ids, after every file that counts was read whole."""
    import pyarrow.parquet as pq

    root = settings.data_dir / "exports" / "battles"
    ids: list[int] = []
    for manifest in read_catalog(store.LocalStore(root)).live:
        for file in manifest.files:
            path = root / "v1" / file.path
            assert DATA_PATH.fullmatch(file.path)
            check_file(path, file.path, first=file.first, last=file.last, rows=file.rows, sha256=file.sha256)
            ids += pq.ParquetFile(path).read(columns=["id"])["id"].to_pylist()
    return sorted(ids)


def archived_leaves(settings: Settings) -> list[int]:
    """The leaves in archives, each of which is whole."""
    archives = find_archives(archives_directory(settings))
    for one in archives:
        assert check_archive(one.pack) == []
    return [leaf for one in archives for leaf in range(one.first_leaf, one.last_leaf + 1)]
