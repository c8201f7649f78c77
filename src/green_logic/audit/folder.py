"""The files beside the database that go with every copy of it: DBOMs, public key, newest checkpoint."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator

from cryptography.hazmat.primitives import serialization

from green_logic.audit.scene import Scene
from green_logic.errors import ConfigurationError
from green_logic.files import TEMPORARY_PREFIX, is_held
from green_logic.ledger.findings import Finding
from green_logic.ledger.journal import ENDING
from green_logic.ledger.log import has_log_tables
from green_logic.ledger.reading import open_for_reading
from green_logic.ledger.schema import PRESENCE_NAME
from green_logic.proof.pinned import parse_public_keys
from green_logic.publish.published import find_roots, own_root
from green_logic.settings import CHECKPOINT_NAME, PUBLIC_NAME, Settings


def check_folder(scene: Scene) -> Iterator[Finding]:
    """Every file in the DBOM folder belongs to a row."""
    folder = scene.settings.dboms
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        strays = [entry.name for entry in entries if not _has_row(scene, entry.name)]
    if not strays:
        return
    busy = writers_alive(scene.settings)
    # a run that goes on makes DBOM files ahead of their rows, and rows that our snapshot does not show
    with open_for_reading(scene.settings, bounded=True) as now:
        for name in sorted(strays):
            ours = name.startswith("dbom_") and name.endswith(".json")
            if (busy and (ours or name.startswith(TEMPORARY_PREFIX))) or _row_exists(now, name):
                continue
            yield Finding("orphan-file" if ours else "foreign-file", name, "belongs to no row")


def _has_row(scene: Scene, name: str) -> bool:
    return _row_exists(scene.connection, name)


def _row_exists(connection: sqlite3.Connection, name: str) -> bool:
    battle_id = name.removeprefix("dbom_").removesuffix(".json")
    if name != f"dbom_{battle_id}.json":
        return False
    return connection.execute("SELECT 1 FROM battles WHERE battle_id = ?", (battle_id,)).fetchone() is not None


def check_journal(scene: Scene) -> Iterator[Finding]:
    """No rollback journal lies beside the database: whoever opens it for writing would get another one."""
    journal = scene.settings.database.with_name(scene.settings.database.name + ENDING)
    # ours is in WAL mode from its first battle on, and has none
    if journal.exists() and journal.stat().st_size:
        yield Finding("journal", journal.name, "is not ours, for a ledger never has one")


def check_published(scene: Scene) -> Iterator[Finding]:
    """`judge.pub` and `checkpoint`, which go with every copy of the data, are those of the ledger."""
    directory = scene.settings.data_dir
    keys = [scene.trust.keys[keyid] for _, keyid in scene.trust.ranges if keyid in scene.trust.keys]
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pems = dict.fromkeys(key.public_bytes(serialization.Encoding.PEM, form) for key in keys)
    if _read(directory / PUBLIC_NAME) != b"".join(pems):
        yield Finding("public-key", PUBLIC_NAME, "is not the key of this ledger, as it is signed")
    newest = scene.checkpoints[-1].note.encode() if scene.checkpoints else None
    found = _read(directory / CHECKPOINT_NAME)
    if found != newest and not _is_newer(scene, found):
        yield Finding("checkpoint-file", CHECKPOINT_NAME, "is not the newest checkpoint")


def check_companions(scene: Scene) -> Iterator[Finding]:
    """The key and the checkpoint beside archives and an export, for strangers to use, are of this ledger.

    They may be older than the ledger's own: a publication lags behind.
    """
    data_dir = scene.settings.data_dir
    ours = {keyid for _, keyid in scene.trust.ranges}
    own = (data_dir / "archives", own_root(scene.settings))
    for folder in dict.fromkeys((*own, *find_roots(scene.settings))):
        if scene.extent.depth == "ledger" or not folder.is_dir():
            continue
        where = folder.relative_to(data_dir).as_posix() if folder in own else str(folder)
        keys, note = _read(folder / PUBLIC_NAME), _read(folder / CHECKPOINT_NAME)
        if keys is not None and not _are_keys_of(keys, ours):
            yield Finding("companion", f"{where}/{PUBLIC_NAME}", "is not the key of this ledger")
        stored = {item.note.encode() for item in scene.checkpoints}
        if note is not None and note not in stored and not _is_newer(scene, note):
            yield Finding("companion", f"{where}/{CHECKPOINT_NAME}", "is no checkpoint of this ledger")


def _are_keys_of(data: bytes, keyids: set[str]) -> bool:
    try:
        found = parse_public_keys(data, PUBLIC_NAME)
    except ConfigurationError:
        return False
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return set(found) <= keyids and b"".join(key.public_bytes(*form) for key in found.values()) == data


def _is_newer(scene: Scene, found: bytes | None) -> bool:
    """Whether a run has signed this checkpoint since our snapshot; by now there may be others after it."""
    if found is None or found in {item.note.encode() for item in scene.checkpoints}:
        return False
    with open_for_reading(scene.settings, bounded=True) as now:
        if not has_log_tables(now):
            return False
        query = "SELECT count(*) FROM checkpoints WHERE CAST(note AS BLOB) = ?"
        return bool(now.execute(query, (found,)).fetchone()[0])


def _read(path: os.PathLike[str]) -> bytes | None:
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            return file.read(1 << 20)
    except OSError:
        return None


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a planted pipe is empty, not waited for


def writers_alive(settings: Settings) -> bool:
    """Whether a process has the ledger open for writing."""
    return is_held(settings.data_dir / PRESENCE_NAME)
