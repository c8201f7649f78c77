"""Backups behind a URI: made and rehearsed on this machine, then uploaded and read back, the manifest last.

A backup is there once its manifest is. Every file is created only if it is not there (see remote.py), and an upload
that was cut short is removed by the next run.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from green_logic.errors import ConfigurationError, StorageError, VerificationError
from green_logic.files import FileLock, make_directory, storage_errors
from green_logic.ledger.log import Log
from green_logic.ledger.reading import open_for_reading
from green_logic.publish.backup import BackupReport, backup, check_place, find_backups
from green_logic.publish.leaves import Progress, no_progress, open_beside_writers
from green_logic.publish.remote import RemoteStore
from green_logic.publish.restore import MANIFEST_NAME, check_empty, read_backup
from green_logic.publish.retention import free_name, parse_keep, parse_stamp, thin_out
from green_logic.publish.scratch import FETCH, scratch_directory
from green_logic.publish.store import LocalStore, is_uri, open_store
from green_logic.settings import Settings

LOCK_NAME = "backup.lock"


def backup_to(
    settings: Settings, destination: str | None, keep: str | None = None, *, progress: Progress = no_progress
) -> BackupReport:
    """Back up into a directory or below a URI; see `backup`, whose promises hold for both."""
    if not is_uri(destination):
        return _back_up_here(settings, Path(destination or settings.data_dir / "backups"), keep, progress)
    started = time.monotonic()
    rules = parse_keep(keep) if keep else None
    with storage_errors("cannot back up"), open_for_reading(settings):
        pass  # without a ledger nothing is made, here or there
    store = open_store(settings, destination, product="")
    if not isinstance(store, RemoteStore):
        return _back_up_here(settings, _root(store), keep, progress)
    with storage_errors("cannot back up"):
        make_directory(settings.spool)
        with FileLock(settings.spool / LOCK_NAME, timeout_s=settings.busy_timeout_s).held():
            made, swept = _back_up(settings, store, progress)
            removed, spared = _retain(settings, store, rules, made) if rules else ((), ())
    return replace(made, seconds=time.monotonic() - started, removed=removed, spared=spared, swept=swept)


def _back_up_here(settings: Settings, root: Path, keep: str | None, progress: Progress) -> BackupReport:
    check_place(settings, root)
    return backup(settings, root, keep, progress=progress)


@contextlib.contextmanager
def fetched_backup(settings: Settings, place: str, target: Path | None = None) -> Iterator[Path]:
    """The directory of a backup at a URI: a copy beside `target` (else with the system's temporary files), removed
    afterwards. A path is given as it is. Raises ConfigurationError for a target that holds something, or no backup.
    """
    if not is_uri(place):
        _check_one(Path(place))
        yield Path(place)
        return
    if target is not None:
        check_empty(target)
    store = open_store(settings, place, product="")
    if not isinstance(store, RemoteStore):
        yield _root(store)
        return
    parent = target.absolute().parent if target is not None else None
    with contextlib.ExitStack() as stack:
        with storage_errors("cannot fetch the backup"):
            copy = stack.enter_context(scratch_directory(parent, FETCH))
            _fetch(store, copy)
        yield copy


def _check_one(path: Path) -> None:
    """Raises ConfigurationError for the directory above backups, which is easily taken for one."""
    if path.is_dir() and not (path / MANIFEST_NAME).exists() and (backups := find_backups(path)):
        raise ConfigurationError(
            f"{path}: not a backup, but a directory with {len(backups)} of them",
            hint=f"the newest is {backups[-1]}",
        )


def find_remote_manifests(store: RemoteStore, origin: str | None = None) -> dict[str, dict[str, Any]]:
    """The manifests of the complete backups in a store by their names, oldest first; only those of the ledger `origin`
    if given.
    """
    sizes = store.walk()
    folders = {name.partition("/")[0] for name in sizes}
    stamped = sorted((stamp, name) for name in folders if (stamp := parse_stamp(name)))
    found = {name: manifest for _, name in stamped if (manifest := _read_complete(store, name, sizes))}
    return {name: manifest for name, manifest in found.items() if origin in {None, manifest["origin"]}}


def _back_up(settings: Settings, store: RemoteStore, progress: Progress) -> tuple[BackupReport, int]:
    swept = _sweep(store)
    make_directory(settings.spool)
    spool = Path(tempfile.mkdtemp(prefix="backup-", dir=_cleared(settings.spool)))
    try:
        made = backup(settings, spool, progress=progress)
        name = free_name(made.path.name, {name.partition("/")[0] for name in store.walk()})
        files = sorted(path for path in made.path.iterdir() if path.name != MANIFEST_NAME)
        for done, path in enumerate(files):
            progress("uploading", done, len(files) + 1)
            store.publish_copy(path, f"{name}/{path.name}")
        store.publish_bytes(f"{name}/{MANIFEST_NAME}", (made.path / MANIFEST_NAME).read_bytes())
    except FileExistsError as error:
        raise StorageError(
            f"{store.address}/{name}: somebody else is backing up under this name",
            hint="run the same command again; two ledgers must not share a place for backups",
        ) from error
    finally:
        shutil.rmtree(spool, ignore_errors=True)
    store.settle()
    return replace(made, path=Path(name), place=f"{store.address}/{name}", create_only=store.create_only), swept


def _cleared(spool: Path) -> Path:
    """The spool, without what a killed backup left there; the caller holds the lock."""
    for path in spool.glob("backup-*"):
        shutil.rmtree(path, ignore_errors=True)
    return spool


def _sweep(store: RemoteStore) -> int:
    """Remove what was uploaded of backups that never got their manifest. How many."""
    names = list(store.walk())
    whole = {name.partition("/")[0] for name in names if name.endswith(f"/{MANIFEST_NAME}")}
    half = [name for name in names if (folder := name.partition("/")[0]) not in whole and parse_stamp(folder)]
    dead = [name for name in half if store.abandoned(name)]
    for name in dead:
        store.remove(name)
    store.settle()
    return len({name.partition("/")[0] for name in dead})


def _retain(
    settings: Settings, store: RemoteStore, rules: Mapping[str, int], made: BackupReport
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    with open_beside_writers(settings) as connection:
        surplus, spared = thin_out(find_remote_manifests(store, made.origin), rules, Log(connection), made.path.name)
    for name in surplus:
        # without its manifest it is no backup any more: the rest may go in any order, and in a later run
        store.remove(f"{name}/{MANIFEST_NAME}")
        for file in store.names(name):
            store.remove(f"{name}/{file}")
    return tuple(surplus), tuple(spared)


def _read_complete(store: RemoteStore, name: str, sizes: Mapping[str, int]) -> dict[str, Any] | None:
    if f"{name}/{MANIFEST_NAME}" not in sizes:
        return None
    with tempfile.TemporaryDirectory(prefix="manifest-") as directory:
        store.fetch(f"{name}/{MANIFEST_NAME}", Path(directory) / MANIFEST_NAME)
        try:
            manifest = read_backup(Path(directory))
        except VerificationError:
            return None
    whole = all(sizes.get(f"{name}/{file}") == entry["size_bytes"] for file, entry in manifest["files"].items())
    return manifest if whole else None


def _fetch(store: RemoteStore, copy: Path) -> None:
    try:
        store.fetch(MANIFEST_NAME, copy / MANIFEST_NAME)
    except FileNotFoundError as error:
        raise ConfigurationError(f"{store.address}: there is no such backup", hint="green-logic backup URI") from error
    for name in read_backup(copy)["files"]:
        try:
            store.fetch(name, copy / name)
        except FileNotFoundError as error:
            raise VerificationError(f"{store.address}/{name} is missing", kind="backup") from error


def _root(store: object) -> Path:
    if not isinstance(store, LocalStore):
        raise TypeError(f"expected a directory, got {store!r}")
    return store.root
