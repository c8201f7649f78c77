"""Which publications of a ledger were completed, and when the last of each kind began: `data/.published.json`.

A kind is what it did and where to. A schedule looks here for what it missed, not at the newest backup, which may be
another ledger's, or made by hand. Where the record is missing or makes no sense, nothing counts as published: that
costs one publication, which finds little that is new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from green_logic.errors import VerificationError
from green_logic.files import storage_errors
from green_logic.ledger.reading import open_for_reading
from green_logic.ledger.schema import read_meta
from green_logic.publish.inventory import read_inventory, write_inventory
from green_logic.settings import Settings

RECORD_NAME = ".published.json"
SCHEMA = "green-logic/published/1"
KEPT = 20  # kinds; whoever publishes to ever new places needs no older one
_TYPES = {"origin": str, "publications": list}


@dataclass(frozen=True)
class _Publication:
    places: str  # digest
    steps: tuple[str, ...]
    began_at: datetime

    def as_json(self) -> dict[str, Any]:
        began_at = self.began_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {"places": self.places, "steps": list(self.steps), "began_at": began_at}


def find_publication(settings: Settings, places: Sequence[str], steps: Sequence[str]) -> datetime | None:
    """When the last complete publication of this ledger to these places began, in UTC, if it took all these steps.

    None when there is none. Raises LedgerMissingError, and StorageError when the ledger cannot be read.
    """
    wanted = _digest(places)
    found = [one for one in _read(settings, _origin(settings)) if one.places == wanted and {*steps} <= {*one.steps}]
    return max((one.began_at for one in found), default=None)


def note_publication(settings: Settings, places: Sequence[str], steps: Sequence[str], began_at: datetime) -> None:
    """Put a complete publication on record. Raises StorageError when that cannot be written."""
    origin, new = _origin(settings), _Publication(_digest(places), tuple(sorted(steps)), began_at.astimezone(UTC))
    others = [one for one in _read(settings, origin) if (one.places, one.steps) != (new.places, new.steps)]
    publications = [one.as_json() for one in [*others, new][-KEPT:]]
    content = {"schema": SCHEMA, "origin": origin, "publications": publications}
    with storage_errors("cannot note the publication"):
        write_inventory(settings.data_dir / RECORD_NAME, content)


def _read(settings: Settings, origin: str) -> list[_Publication]:
    """The publications of the ledger `origin`; none when the record is another one's, as in a directory made anew."""
    try:
        content = read_inventory(settings.data_dir / RECORD_NAME, SCHEMA, _TYPES)
        return [_parse(one) for one in content["publications"]] if content["origin"] == origin else []
    except (VerificationError, OSError, KeyError, TypeError, ValueError):
        return []


def _parse(one: dict[str, Any]) -> _Publication:
    began_at = datetime.fromisoformat(one["began_at"]).astimezone(UTC)
    return _Publication(one["places"], tuple(map(str, one["steps"])), began_at)


def _origin(settings: Settings) -> str:
    with open_for_reading(settings) as connection:
        return str(read_meta(connection)["origin"])


def _digest(places: Sequence[str]) -> str:
    # not the places themselves: an address may hold a key
    return hashlib.sha256(repr(list(places)).encode()).hexdigest()
