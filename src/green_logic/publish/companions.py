"""What lies beside a publication, so that a stranger can check it: verifier, public keys, checkpoint, a short text.

None of it counts for anything here; what differs from what it should be is written anew by the next publication.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from green_logic.files import write_file
from green_logic.ledger.log import has_log_tables
from green_logic.ledger.reading import open_for_reading
from green_logic.publish.companion_names import NAMES, TEXT_NAME, VERIFIER_NAME
from green_logic.publish.store import Store
from green_logic.settings import CHECKPOINT_NAME, PUBLIC_NAME, Settings

TEXT = """How to check what lies here, with Python 3.10 or newer and nothing installed:

    python3 verify_dbom.py                                    everything in this folder
    python3 verify_dbom.py --key judge.pub FILE               one file, under a key that you have from elsewhere
    python3 verify_dbom.py --key judge.pub --checkpoint NOTE  archives, against a checkpoint that you kept

judge.pub is the judge's public key and checkpoint a note signed with it, which commits the judge to the battles up to
its second line. A key from beside the files shows only that they agree with each other: take it from where the judge
publishes it. Archives are plain tar.gz: tar -xzf NAME.tar.gz, then sha256sum -c SHA256SUMS.
"""


def place_beside_archives(settings: Settings, connection: sqlite3.Connection, directory: Path, size: int) -> None:
    """Put the files beside archives that hold `size` leaves. The caller holds the archive lock."""
    for name, data in _contents(settings, connection, size).items():
        path = directory / name
        if not path.is_file() or path.read_bytes() != data:
            write_file(path, data)


def place_beside_export(settings: Settings, store: Store) -> None:
    """Put the files beside an export, before its manifest appears. The caller holds the export lock."""
    with open_for_reading(settings) as connection:
        _replace(store, _contents(settings, connection, None))


def place_beside_copies(directory: Path, store: Store) -> None:
    """Put the files that lie beside archives beside their copies too. The caller holds the archive lock."""
    _replace(store, {name: (directory / name).read_bytes() for name in NAMES if (directory / name).is_file()})


def _replace(store: Store, contents: Mapping[str, bytes]) -> None:
    for name, data in contents.items():
        if store.size(name) != len(data) or store.read(name) != data:
            store.replace(name, data)


def _contents(settings: Settings, connection: sqlite3.Connection, size: int | None) -> dict[str, bytes]:
    found = {
        VERIFIER_NAME: resources.files("green_logic").joinpath(VERIFIER_NAME).read_bytes(),
        TEXT_NAME: TEXT.encode(),
    }
    keys, note = settings.data_dir / PUBLIC_NAME, _find_note(connection, size)
    if keys.is_file():
        found[PUBLIC_NAME] = keys.read_bytes()
    if note is not None:
        found[CHECKPOINT_NAME] = note.encode()
    return found


def _find_note(connection: sqlite3.Connection, size: int | None) -> str | None:
    """The newest checkpoint, over no more than `size` leaves: archives have to reach what lies beside them."""
    if not has_log_tables(connection):
        return None
    query = "SELECT note FROM checkpoints WHERE size <= ? ORDER BY number DESC LIMIT 1"
    row = connection.execute(query, (2**62 if size is None else size,)).fetchone()
    return None if row is None else str(row[0])
