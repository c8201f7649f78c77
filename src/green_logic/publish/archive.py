"""DBOMs sealed in packs: `data/archives/dboms-{first_leaf}-{last_leaf}.tar.gz`, each with a manifest beside it.

An archive counts once its manifest is there, which is written last, after the pack was read back from the disk and
every DBOM compared with the ledger. Each leaf of the log is in exactly one archive; what a crash left is removed by the
next run. The rows stay the truth: a lost archive is made again, byte for byte under the same version of zlib.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from green_logic.errors import VerificationError
from green_logic.files import (
    TEMPORARY_PREFIX,
    FileLock,
    make_directory,
    rename_new,
    storage_errors,
    sync_directory,
    sync_file,
)
from green_logic.ledger.log import Log
from green_logic.ledger.reading import open_for_reading
from green_logic.ledger.schema import read_meta
from green_logic.proof.dbom import dbom_name
from green_logic.proof.merkle import subtree_roots
from green_logic.publish.archive_check import match_pack
from green_logic.publish.archive_files import (
    NAME,
    SCHEMA,
    Archive,
    Position,
    archives_directory,
    find_archives,
    find_gaps,
    open_pack,
    parse_name,
    read_manifest,
)
from green_logic.publish.companion_names import NAMES
from green_logic.publish.companions import place_beside_archives
from green_logic.publish.inventory import file_digest, write_inventory
from green_logic.publish.leaves import (
    Progress,
    no_progress,
    open_beside_writers,
    ordered_members,
    read_leaves,
)
from green_logic.publish.pack import LEVEL, PackSize, write_pack
from green_logic.publish.pruning import prune_dboms
from green_logic.publish.room import share_of, telling_room
from green_logic.settings import Settings

LOCK_NAME = ".archive.lock"


@dataclass(frozen=True)
class ArchiveReport:
    """What one run did. `ledger_size` is the number of leaves that are archived now."""

    made: tuple[Path, ...] = ()
    dboms: int = 0
    dbom_bytes: int = 0
    size_bytes: int = 0
    ledger_size: int = 0
    swept: int = 0
    removed: int = 0
    kept: int = 0


def archive_dboms(settings: Settings, *, prune: bool = False, progress: Progress = no_progress) -> ArchiveReport:
    """Archive every DBOM that no archive holds; with `prune` remove the files that a verified archive holds.

    Nothing new makes no file. Raises LedgerMissingError, StorageError, and VerificationError when a row and its DBOM
    are both damaged or the archives are not this ledger's.
    """
    directory = archives_directory(settings)
    with (
        telling_room(directory) as room,
        storage_errors("cannot archive"),
        open_beside_writers(settings) as connection,
    ):
        make_directory(directory)
        with FileLock(directory / LOCK_NAME, timeout_s=settings.busy_timeout_s).held():
            swept = _sweep(directory)
            meta = read_meta(connection)
            (size,) = connection.execute("SELECT count(*) FROM ledger").fetchone()
            archives = find_archives(directory)
            check_ledger(archives, meta, size)
            new = [Archive(first, last, directory) for first, last in find_gaps(archives, size)]
            room.needed = share_of(settings.database, sum(one.last_leaf - one.first_leaf + 1 for one in new), size)
            # the files of earlier archives go first where the room that they take may be needed
            early = prune_dboms(settings, connection, progress)[0] if prune and room.is_short else 0
            sizes = [_make(archive, connection, settings, meta, progress) for archive in new]
            if archives or new:
                place_beside_archives(settings, connection, directory, size)
            removed, kept = prune_dboms(settings, connection, progress) if prune else (0, 0)
    return ArchiveReport(
        made=tuple(archive.pack for archive in new),
        dboms=sum(one.files for one in sizes),
        dbom_bytes=sum(one.content_bytes for one in sizes),
        size_bytes=sum(one.size_bytes for one in sizes),
        ledger_size=size,
        swept=swept,
        removed=early + removed,
        kept=kept,
    )


def read_archived_dbom(settings: Settings, battle_id: str) -> bytes | None:
    """The DBOM of a battle out of its archive; None when the battle has no row or is not archived yet.

    Raises LedgerMissingError, and VerificationError when the archive does not hold what the ledger says.
    """
    query = (
        "SELECT l.leaf_index, l.dbom_sha256 FROM ledger l JOIN battles b ON b.id = l.battle_row WHERE b.battle_id = ?"
    )
    with open_for_reading(settings) as connection:
        row = connection.execute(query, (battle_id,)).fetchone()
    archives = find_archives(archives_directory(settings)) if row else []
    holders = [one for one in archives if one.first_leaf <= row[0] <= one.last_leaf]
    if not holders:
        return None
    with storage_errors("cannot read the archive"), open_pack(holders[0]) as pack:
        data = pack.read(dbom_name(battle_id), row[0] - holders[0].first_leaf)
    if data is None or hashlib.sha256(data).digest() != row[1]:
        raise VerificationError(
            f"{holders[0].pack.name}: does not hold the DBOM of {battle_id} that the ledger recorded", kind="archive"
        )
    return data


def _make(
    archive: Archive,
    connection: sqlite3.Connection,
    settings: Settings,
    meta: Mapping[str, str],
    progress: Progress,
) -> PackSize:
    leaves = read_leaves(connection, archive.first_leaf, archive.last_leaf)
    temporary = archive.pack.with_name(TEMPORARY_PREFIX + archive.pack.name)
    with temporary.open("xb") as file:
        members = ordered_members(connection, settings.dboms, leaves, progress)
        size = write_pack(file, members, [dbom_name(leaf.battle_id) for leaf in leaves])
    sync_file(temporary)
    _forget_pages(temporary)
    if file_digest(temporary) != size.sha256:
        raise VerificationError(f"{temporary}: the disk gives back other bytes than were written", kind="archive")
    match_pack(temporary, size.layout, leaves, progress)
    rename_new(temporary, archive.pack)
    sync_directory(archive.directory)
    write_inventory(archive.manifest, _manifest(archive, Log(connection), meta, size))
    return size


def _manifest(archive: Archive, log: Log, meta: Mapping[str, str], size: PackSize) -> dict[str, Any]:
    before = tuple(subtree_roots(log.subtree, archive.first_leaf))
    return {
        "schema": SCHEMA,
        "file": archive.pack.name,
        "size_bytes": size.size_bytes,
        "sha256": size.sha256,
        "sums_sha256": size.sums_sha256,
        "dboms": size.files,
        "dbom_bytes": size.content_bytes,
        "first_leaf": archive.first_leaf,
        "last_leaf": archive.last_leaf,
        "origin": meta["origin"],
        "keyid": meta["keyid"],
        # of the log up to and with the last leaf, not of the moment: the same archive again is the same manifest again
        "ledger_size": archive.last_leaf + 1,
        "zlib_level": LEVEL,
        "zlib_version": zlib.ZLIB_RUNTIME_VERSION,
        **Position(size.layout, before, log.root(archive.last_leaf + 1)).as_json(),
    }


def _forget_pages(path: Path) -> None:
    """Let the next reader get the bytes from the disk, not from memory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def _sweep(directory: Path) -> int:
    """Remove what a crash left: half-written files, and packs and marks without a manifest. How many."""
    committed = {archive.manifest.name for archive in find_archives(directory)}
    leftovers = [
        path
        for path in directory.iterdir()
        if (path.name.startswith(TEMPORARY_PREFIX) and _is_ours(path.name.removeprefix(TEMPORARY_PREFIX)))
        or (NAME.fullmatch(path.name) and parse_name(path).manifest.name not in committed)
    ]
    for path in leftovers:
        path.unlink()
    return len(leftovers)


def _is_ours(name: str) -> bool:
    return NAME.fullmatch(name) is not None or name in NAMES


def check_ledger(archives: Sequence[Archive], meta: Mapping[str, str], size: int) -> None:
    """Raises VerificationError when the archives are of another ledger, or of a larger one, or lack their pack."""
    hint = "keep the archives of each ledger in its own data directory"
    for archive in archives:
        if not archive.pack.is_file():
            again = f"remove {archive.manifest.name} and run again: the rows make the same archive again"
            raise VerificationError(f"{archive.pack.name} is missing", kind="archive", hint=again)
        origin = read_manifest(archive)["origin"]
        if origin != meta["origin"]:
            raise VerificationError(
                f"{archive.manifest.name}: of the ledger {origin}, this one is {meta['origin']}",
                kind="archive",
                hint=hint,
            )
    if archives and archives[-1].last_leaf >= size:
        raise VerificationError(
            f"{archives[-1].pack.name} holds leaf {archives[-1].last_leaf}, the ledger has {size}",
            kind="archive",
            hint="the ledger is older than its archives: restore a newer backup, or move the archives away",
        )
