"""A backup → a data directory that goes on where the backup was taken, or a rehearsal of that.

The backup is verified before anything is written, and the result row by row before it gets its name: the target appears
whole and durable, or not at all.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from green_logic.errors import ConfigurationError, VerificationError
from green_logic.files import (
    TEMPORARY_PREFIX,
    make_directory,
    storage_errors,
    sync_directory,
    sync_file,
    write_new_files,
)
from green_logic.publish.directory_lock import alone_in
from green_logic.publish.inspection import inspect_copy
from green_logic.publish.inventory import file_digest, read_inventory
from green_logic.publish.leaves import Progress, no_progress
from green_logic.publish.pack import Pack
from green_logic.publish.room import telling_room
from green_logic.publish.scratch import DRILL, scratch_directory
from green_logic.publish.store import check_open
from green_logic.settings import CHECKPOINT_NAME, PUBLIC_NAME

SCHEMA = "green-logic/backup/1"
MANIFEST_NAME = "manifest.json"
DATABASE_NAME = "battles.db"
DBOM_BYTES = 12 << 10  # on the disk; a vector as text is most of it
GROUP = 1000  # DBOM files written at once; bounds the memory at about 10 MB
PACK_NAME = re.compile(r"dboms-\d{12}-\d{12}\.tar\.gz")
_DBOM_NAME = re.compile(r"dbom_[A-Za-z0-9][A-Za-z0-9._-]{0,127}\.json")
_PLAIN = (DATABASE_NAME, PUBLIC_NAME, CHECKPOINT_NAME)
_TYPES = {"origin": str, "keyids": list, "ledger_size": int, "created_at": str, "files": dict}


@dataclass(frozen=True)
class RestoreReport:
    """What was restored, or would be. Times in seconds."""

    path: Path
    origin: str
    ledger_size: int
    created_at: str
    seconds: float


def restore(backup: Path, target: Path, *, progress: Progress = no_progress) -> RestoreReport:
    """Make `target` a data directory from a backup. It must not exist, or be an empty directory.

    It appears with one rename; where it cannot be replaced, as a mount point or the working directory, part by part,
    the database last.

    Raises ConfigurationError for a target that holds something or a backup that is not there, VerificationError for one
    that is not whole, StorageError when it cannot be written; the target is then as it was.
    """
    started = time.monotonic()
    whole, stays = target.absolute(), _stays(target)
    home = whole if stays else whole.parent
    with telling_room(home) as room, storage_errors("cannot restore"):
        work = home / f"{TEMPORARY_PREFIX}restore-{whole.name}"
        check_target(target, backup, but=work.name)
        manifest = check_backup(backup, progress)
        room.needed = _unpacked(manifest)
        make_directory(home)
        with alone_in(home, f"another restore into {home} is at work"):
            shutil.rmtree(work, ignore_errors=True)  # of a restore that was killed
            try:
                unpack(backup, manifest, work, durable=True, progress=progress)
                _check_copy(work, manifest, progress)
                check_target(target, backup, but=work.name)
                _fill(whole, work) if stays else work.rename(whole)
            except BaseException:
                shutil.rmtree(work, ignore_errors=True)
                raise
            sync_directory(home)
    return _report(target, manifest, started)


def _stays(target: Path) -> bool:
    """Whether a directory cannot be replaced by another, or must not because somebody stands in it."""
    return target.is_dir() and (os.path.ismount(target) or target.samefile(Path.cwd()))


def _fill(target: Path, work: Path) -> None:
    """Move everything into a directory; what was moved goes again when it cannot be finished."""
    names = sorted((path.name for path in work.iterdir()), key=lambda name: (name == DATABASE_NAME, name))
    with contextlib.ExitStack() as undo:
        for name in names:
            moved = (work / name).rename(target / name)
            undo.callback(moved.rename, work / name)
        undo.pop_all()
    work.rmdir()


def drill(backup: Path, scratch: Path | None = None, *, progress: Progress = no_progress) -> RestoreReport:
    """Restore into a scratch directory (under `scratch`, else the system's), verify, throw away.

    Raises what `restore` raises for a backup that could not be restored.
    """
    started = time.monotonic()
    with telling_room(scratch or Path(tempfile.gettempdir())) as room, storage_errors("cannot rehearse the restore"):
        manifest = check_backup(backup, progress)
        room.needed = _unpacked(manifest)
        with scratch_directory(scratch, DRILL) as directory:
            rehearse(backup, manifest, directory / "data", progress)
    return _report(backup, manifest, started)


def _unpacked(manifest: Mapping[str, Any]) -> int:
    """Bytes of what a backup restores, at most: a DBOM takes less room than its row and its leaf, unless both are
    small.
    """
    database: int = manifest["files"][DATABASE_NAME]["size_bytes"]
    return database + max(database, DBOM_BYTES * int(manifest["ledger_size"]))


def rehearse(backup: Path, manifest: Mapping[str, Any], scratch: Path, progress: Progress = no_progress) -> None:
    """Restore into `scratch` and check every row of it. Nothing there is durable; the caller removes it."""
    unpack(backup, manifest, scratch, durable=False, progress=progress)
    _check_copy(scratch, manifest, progress)


def read_backup(backup: Path) -> dict[str, Any]:
    """The manifest of a complete backup. Raises VerificationError; ConfigurationError when it is no directory."""
    if not backup.is_dir():
        raise ConfigurationError(f"{backup}: there is no such backup", hint="green-logic backup makes one")
    manifest = read_inventory(backup / MANIFEST_NAME, SCHEMA, _TYPES)
    for name, file in manifest["files"].items():
        # a name from a file must not lead out of the folder
        if name not in _PLAIN and not PACK_NAME.fullmatch(name):
            raise VerificationError(f"{MANIFEST_NAME}: {name!r} is no file of a backup", kind="inventory")
        if not isinstance(file, dict) or [type(file.get(field)) for field in ("sha256", "size_bytes")] != [str, int]:
            raise VerificationError(f"{MANIFEST_NAME}: {name} has no size and digest", kind="inventory")
    if DATABASE_NAME not in manifest["files"]:
        raise VerificationError(f"{MANIFEST_NAME}: names no {DATABASE_NAME}", kind="inventory")
    return manifest


def check_backup(backup: Path, progress: Progress = no_progress) -> dict[str, Any]:
    """The manifest of a backup whose files all have their size and SHA-256. Raises VerificationError."""
    manifest = read_backup(backup)
    for done, (name, expected) in enumerate(sorted(manifest["files"].items())):
        progress("verifying the backup", done, len(manifest["files"]))
        path = backup / name
        if not path.is_file():
            raise VerificationError(f"{path} is missing", kind="backup")
        if path.stat().st_size != expected["size_bytes"] or file_digest(path) != expected["sha256"]:
            raise VerificationError(
                f"{path}: not the file that was backed up", kind="backup", hint="restore another backup"
            )
    return manifest


def unpack(
    backup: Path, manifest: Mapping[str, Any], target: Path, *, durable: bool, progress: Progress = no_progress
) -> None:
    """Copy and unpack the files of a backup into a new directory; `durable` when this returns, if asked for."""
    (target / "dboms").mkdir(parents=True)
    for name in manifest["files"]:
        if name in _PLAIN:
            shutil.copyfile(backup / name, target / name)
            if durable:
                sync_file(target / name)
    done = 0
    for files in dbom_groups(backup, manifest):
        progress("restoring DBOMs", done, manifest["ledger_size"])
        if durable:
            write_new_files(target / "dboms", files)
        else:
            for name, data in files.items():
                (target / "dboms" / name).write_bytes(data)
        done += len(files)
    if durable:
        sync_directory(target)


def dbom_groups(backup: Path, manifest: Mapping[str, Any]) -> Iterator[dict[str, bytes]]:
    """The DBOMs of a backup by file name, at most GROUP at once. Raises VerificationError for what is no DBOM."""
    group: dict[str, bytes] = {}
    for pack_name in sorted(name for name in manifest["files"] if PACK_NAME.fullmatch(name)):
        with Pack(backup / pack_name) as pack:
            for member in pack.members():
                if not _DBOM_NAME.fullmatch(member.name):
                    raise VerificationError(f"{pack_name}: {member.name!r} is no DBOM", kind="backup")
                group[member.name] = member.data
                if len(group) == GROUP:
                    yield group
                    group = {}
    yield group


def _check_copy(directory: Path, manifest: Mapping[str, Any], progress: Progress) -> None:
    found = inspect_copy(directory, progress)
    there = {**vars(found), "keyids": list(found.keyids)}
    for name, value in there.items():
        if manifest.get(name, value) != value:  # manifests of the first versions have no root
            raise VerificationError(f"{name} expected {manifest[name]}, the database has {value}", kind="backup")


def check_target(target: Path, backup: Path, but: str = "") -> None:
    """Raises ConfigurationError for a target that holds anything, or lies inside the backup, StorageError where nothing
    can be written.

    `but` is the name of what a killed restore left there, which does not count.
    """
    check_empty(target, {but})
    if Path(os.path.realpath(target)).is_relative_to(os.path.realpath(backup)):
        raise ConfigurationError(
            f"{target} lies inside the backup {backup}, which would go with it", hint="choose another --data-dir"
        )
    check_open(target, "cannot restore", "--data-dir")


def check_empty(target: Path, but: Collection[str] = ()) -> None:
    """Raises ConfigurationError for a target that holds anything but what every file system begins with, and `but`."""
    allowed = {"lost+found", *but}
    is_free = target.is_dir() and all(path.name in allowed for path in target.iterdir())
    if target.is_symlink() or (target.exists() and not is_free):
        raise ConfigurationError(
            f"{target} is not empty: a restore never overwrites",
            hint="choose a --data-dir that does not exist, or move this one away",
        )


def _report(path: Path, manifest: Mapping[str, Any], started: float) -> RestoreReport:
    return RestoreReport(
        path, manifest["origin"], manifest["ledger_size"], manifest["created_at"], time.monotonic() - started
    )
