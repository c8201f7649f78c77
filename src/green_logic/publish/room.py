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


@dataclass
class Room:
    """What a work needs at most, in bytes, once that is known."""

    needed: int = 0


@contextlib.contextmanager
def telling_room(place: Path) -> Iterator[Room]:
    """Add to an error of a full disk what the work needs and what was free at `place` before it began."""
    folder = _nearest(place)
    free = _find_free(folder)
    room = Room()
    try:
        yield room
    except StorageError as error:
        if _FULL not in error.hint:
            raise
        needed = f"up to {room.needed / 1e6:.1f} MB are needed, " if room.needed else ""
        raise StorageError(
            error.message, hint=f"in {folder} {needed}{free / 1e6:.1f} MB were free: {error.hint}"
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
