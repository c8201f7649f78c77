"""What a full disk lacks: the errors of a publication say what it needs at most, and what was free when it began."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from green_logic.errors import StorageError
from green_logic.publish.store import is_uri
from green_logic.settings import Settings

_FULL = "free space"  # in the hint of every error that a full disk may be behind (files.py, ledger/schema.py)
# for a backup that is to thin out: not before it was restored and checked, for until then the ledger may be damaged
ROOM_BY_HAND = "; --dry-run names what would be removed: of those, all but the newest backup may go by hand first"


@dataclass
class Room:
    """What a work needs at most, in bytes, once that is known, and what was free before it began."""

    free: int
    needed: int = 0

    @property
    def is_short(self) -> bool:
        """Whether it may be too little."""
        return self.free < self.needed


@contextlib.contextmanager
def telling_room(place: Path, advice: str = "") -> Iterator[Room]:
    """Add to an error of a full disk what the work needs, what was free at `place` before it began, and the advice."""
    folder = _nearest(place)
    room = Room(_find_free(folder))
    try:
        yield room
    except StorageError as error:
        if _FULL not in error.hint:
            raise
        needed = f"up to {room.needed / 1e6:.1f} MB are needed, " if room.needed else ""
        raise StorageError(
            error.message, hint=f"in {folder} {needed}{room.free / 1e6:.1f} MB were free: {error.hint}{advice}"
        ) from error


def local_place(settings: Settings, destination: str | Path | None) -> Path:
    """The file system on which the files are made."""
    return settings.data_dir if destination is None or is_uri(destination) else Path(destination)


def share_of(database: Path, rows: int, size: int) -> int:
    """Bytes of the database that some of its `size` rows take, and about what they take elsewhere at most."""
    return -(-database.stat().st_size * rows // max(1, size))


def _nearest(place: Path) -> Path:
    found = place.absolute()
    while not found.is_dir() and found != found.parent:
        found = found.parent
    return found


def _find_free(folder: Path) -> int:
    room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize
