"""Removing DBOM files that a verified archive holds. Nothing else is ever removed from `data/dboms/`.

The rule for readers: the files of an archive's leaves may be absent once a mark stands beside it. The mark is durable
before the first file goes, so a crash leaves at most files that could be gone. Take the mark away, and the next opening
of the ledger puts every file back from the rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from green_logic.files import FileLock, sync_directory, write_file
from green_logic.ledger.schema import LOCK_NAME
from green_logic.proof.dbom import dbom_name
from green_logic.publish.archive_check import match_archive
from green_logic.publish.archive_files import archives_directory, find_archives
from green_logic.publish.leaves import Leaf, Progress, no_progress, read_leaves, read_own_file
from green_logic.settings import Settings

GROUP = 500  # files removed at once; writers wait about 10 ms meanwhile
MARK = b"The DBOM files of these leaves may be absent from dboms/: the archive beside this mark holds them.\n"


def prune_dboms(
    settings: Settings, connection: sqlite3.Connection, progress: Progress = no_progress
) -> tuple[int, int]:
    """Files removed, and files kept because they are not what the ledger recorded. The caller holds the archive lock.

    Raises VerificationError, before anything of it is removed, when an archive is not good.
    """
    removed = kept = 0
    present = {path.name for path in settings.dboms.iterdir()}
    for archive in find_archives(archives_directory(settings)):
        leaves = read_leaves(connection, archive.first_leaf, archive.last_leaf)
        here = [leaf for leaf in leaves if dbom_name(leaf.battle_id) in present]
        if archive.mark.exists() and not here:
            continue
        match_archive(archive, leaves, progress)
        lock = FileLock(settings.data_dir / LOCK_NAME, timeout_s=settings.busy_timeout_s)
        with lock.held():
            write_file(archive.mark, MARK)
        gone = _remove(settings.dboms, here, lock, progress)
        removed, kept = removed + gone, kept + len(here) - gone
    return removed, kept


def _remove(directory: Path, leaves: Sequence[Leaf], lock: FileLock, progress: Progress) -> int:
    removed = 0
    for start in range(0, len(leaves), GROUP):
        progress("pruning", start, len(leaves))
        # a file that differs is evidence of something; the audit tells of it
        group = leaves[start : start + GROUP]
        doomed = [directory / dbom_name(one.battle_id) for one in group if read_own_file(directory, one) is not None]
        # under the lock: a recovery that sees a file go while it works would take it for torn
        with lock.held():
            for path in doomed:
                path.unlink()
        removed += len(doomed)
    sync_directory(directory)
    return removed
