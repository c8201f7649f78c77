"""What a crash left behind → a clean ledger. Runs whenever the ledger is opened for writing, and may itself be cut.

The ledger's rows are the truth. A DBOM file that a row lacks is rebuilt from the row and its envelope, byte for byte; a
file that differs from its row, or that no row owns, is set aside. Nothing acknowledged is ever touched. A file that was
pruned because a verified archive holds it (`find_pruned`) is not lost.
"""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from green_logic.errors import VerificationError
from green_logic.ledger.shelf import DbomShelf, find_pruned
from green_logic.proof.dbom import dbom_name, rebuild_dbom

# Files whose content is compared at each opening, newest first; the names of all are. A crash can only tear the last
# group, and this many take about 0.1 s.
CHECKED_BY_CONTENT = 2048
ASIDE_NAME = "set_aside/dboms"  # in the data directory
REBUILD_GROUP = 1000  # files rebuilt at once; bounds the memory at about 10 MB
_ROW = (
    "SELECT b.battle_id, b.raw_result, b.score, b.timestamp, l.envelope, l.dbom_sha256 "
    "FROM battles b JOIN ledger l ON l.battle_row = b.id WHERE b.battle_id = ?"
)


@dataclass(frozen=True)
class Recovery:
    """What was mended: files rebuilt, files set aside, half-written files removed."""

    rebuilt: int = 0
    set_aside: int = 0
    swept: int = 0

    def texts(self, data_dir: Path) -> list[str]:
        """What somebody should hear of, as sentences; what was half-written is the crash's alone."""
        found = []
        if self.rebuilt:
            found.append(f"DBOM files missing or damaged, written anew from the ledger: {self.rebuilt}")
        if self.set_aside:
            aside = f"{data_dir}/{ASIDE_NAME}/"
            found.append(f"DBOM files of no recorded battle or damaged, moved to {aside}: {self.set_aside}")
        return found


def recover(connection: sqlite3.Connection, shelf: DbomShelf, *, alone: bool) -> Recovery:
    """Bring the DBOM folder in line with the rows. The caller holds the lock.

    Orphans and half-written files are touched only when `alone`: another process may be about to commit them.
    """
    swept = shelf.sweep() if alone else 0
    present = shelf.names()
    owned = {dbom_name(battle_id): battle_id for (battle_id,) in connection.execute("SELECT battle_id FROM battles")}
    aside = shelf.set_aside(sorted(present - owned.keys())) if alone else 0
    missing = (owned.keys() - present) | _find_torn(connection, shelf)
    lost = sorted(missing - _find_excused(connection, shelf, missing - present))
    for start in range(0, len(lost), REBUILD_GROUP):
        group = lost[start : start + REBUILD_GROUP]
        # rebuilt before the torn ones are moved: if it is the row that rotted, its file is the evidence and stays
        files = {name: rebuild(connection, owned[name]) for name in group}
        aside += shelf.set_aside(name for name in group if name in present)
        shelf.write(files)
    return Recovery(len(lost), aside, swept)


def rebuild(connection: sqlite3.Connection, battle_id: str) -> bytes:
    """The DBOM file of a recorded battle. Raises VerificationError when the row is not what was committed."""
    row = connection.execute(_ROW, (battle_id,)).fetchone()
    if row is None:
        raise VerificationError(f"{battle_id}: the row has no leaf in the log", kind="leaf")
    name, raw_result, score, timestamp, envelope, expected = row
    data = rebuild_dbom(
        battle_id=name, raw_result=raw_result.encode(), score=score, timestamp=timestamp, envelope=envelope
    )
    if hashlib.sha256(data).digest() != expected:
        message, hint = "the row is not the one that was committed", "green-logic verify tells what was changed"
        raise VerificationError(f"{battle_id}: {message}", kind="row", hint=hint)
    return data


def _find_excused(connection: sqlite3.Connection, shelf: DbomShelf, absent: set[str]) -> set[str]:
    excused: set[str] = set()
    for first, last in find_pruned(shelf.directory.parent) if absent else ():
        rows = connection.execute(
            "SELECT b.battle_id FROM ledger l JOIN battles b ON b.id = l.battle_row WHERE l.leaf_index BETWEEN ? AND ?",
            (first, last),
        )
        excused.update(dbom_name(battle_id) for (battle_id,) in rows)
    return excused & absent


def _find_torn(connection: sqlite3.Connection, shelf: DbomShelf) -> set[str]:
    rows = connection.execute(
        "SELECT b.battle_id, l.dbom_sha256 FROM ledger l JOIN battles b ON b.id = l.battle_row "
        "ORDER BY l.leaf_index DESC LIMIT ?",
        (CHECKED_BY_CONTENT,),
    )
    torn = set()
    for battle_id, expected in rows:
        name = dbom_name(battle_id)
        data = shelf.read(name)
        if data is None or hashlib.sha256(data).digest() != expected:
            torn.add(name)
    return torn
