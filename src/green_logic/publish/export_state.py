"""What an export finds in the ledger: which rows are new, and whether what was published is still there."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from green_logic.errors import VerificationError
from green_logic.ledger.reading import open_for_reading
from green_logic.ledger.schema import read_meta
from green_logic.publish.manifest import Catalog, Manifest
from green_logic.publish.parts import IdRange
from green_logic.publish.ranges import cut_ranges
from green_logic.settings import Settings


@dataclass(frozen=True)
class LedgerState:
    """The ledger at the moment of an export: its highest id, and how many signed rows there are up to it."""

    origin: str
    cursor: int  # the rows after this id are new
    first: int  # lowest id after the cursor; 0 when there is none
    last: int
    size: int
    last_dbom_hash: str
    expected_rows: int  # after the cursor
    ranges: tuple[IdRange, ...]  # those rows


def read_state(settings: Settings, catalog: Catalog, cursor: int, *, rebuild: bool) -> LedgerState:
    """The rows after `cursor`. The newest published one has to be there as it was; for a `rebuild`, which takes the
    place of every manifest, the last one of each.

    Raises LedgerMissingError, StorageError, and VerificationError for a ledger that was restored or replaced.
    """
    with open_for_reading(settings) as connection:
        origin = read_meta(connection)["origin"]
        for manifest in catalog.all.values() if rebuild else catalog.live[-1:]:
            if manifest.origin == origin:
                _check_tail(connection, manifest, settings.database)
        newest = connection.execute("SELECT id, dbom_hash FROM battles ORDER BY id DESC LIMIT 1").fetchone()
        last, digest = newest or (0, "")
        # the signed rows: counted in a small index, where the rows themselves would have to be read
        signed = "SELECT count(*) FROM ledger WHERE battle_row > ? AND battle_row <= ?"
        (expected,) = connection.execute(signed, (cursor, last)).fetchone()
        # leaves are numbered from 0 without gaps: those that were published long ago need not be counted each night
        newest_leaf = "SELECT leaf_index FROM ledger WHERE battle_row <= ? ORDER BY battle_row DESC LIMIT 1"
        (leaf,) = connection.execute(newest_leaf, (last,)).fetchone() or (-1,)
        (first,) = connection.execute("SELECT coalesce(min(id), 0) FROM battles WHERE id > ?", (cursor,)).fetchone()
        ranges = tuple(cut_ranges(connection, after=cursor, last=last, rows=expected))
    return LedgerState(origin, cursor, first, last, leaf + 1, str(digest), expected, ranges)


def _check_tail(connection: sqlite3.Connection, manifest: Manifest, database: Path) -> None:
    """A ledger that was restored from an older backup may have given the published ids to other battles.

    What is published may then be all that is left of them, and a rebuild would remove it.
    """
    row = connection.execute("SELECT dbom_hash FROM battles WHERE id = ?", (manifest.last,)).fetchone()
    if row is None or row[0] != manifest.last_dbom_hash:
        found = "is not there" if row is None else "is another decision"
        raise VerificationError(
            f"{database}: row {manifest.last} was published, but in this ledger it {found}",
            kind="export",
            hint="the ledger was restored or replaced: restore a newer backup (green-logic restore BACKUP), choose "
            "another --dest, or move the old export away and keep it",
        )
