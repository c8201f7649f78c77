"""What an import does not record, kept on disk: `data/not_evaluated/` for failures, a list for everything.

The list `data/rejected/{file}-{digest}.jsonl` has a line for each record of one path that is not on the ledger because
of this import, with both sides of a conflict; the next import of the path replaces it.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import hashlib
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import orjson

from green_logic.aside import aside_bytes, aside_entry, aside_name, is_same_failure
from green_logic.files import (
    TEMPORARY_PREFIX,
    FileLock,
    is_held,
    make_directory,
    storage_errors,
    sync_directory,
    sync_file,
    write_file,
    write_new_files,
)
from green_logic.importers.outcomes import Failed
from green_logic.ledger.schema import LOCK_NAME
from green_logic.proof.dbom import utc_now
from green_logic.settings import Settings

STEM = 40  # characters of the path's name; a file name holds 255 bytes
GROUP = 256  # entries made durable together


class NotEvaluated:
    """`data/not_evaluated/{battle_id}.json`, in the form that a run writes. Durable, in groups, after `flush`."""

    def __init__(self, settings: Settings) -> None:
        self._directory = settings.not_evaluated
        self._group_sync = settings.group_sync
        # another import of the same records would write its entries under the same temporary names
        self._lock = FileLock(settings.data_dir / LOCK_NAME, timeout_s=settings.busy_timeout_s)
        self._waiting: dict[str, bytes] = {}

    def add(self, failed: Failed) -> None:
        """Set a battle aside. The same failure again leaves the entry as it is."""
        where = failed.where
        # no attempts of ours; how often the origin tried is not known
        entry = aside_entry(failed.battle_id, failed.reason, file=where.file, line=where.row, at=utc_now(), attempts=0)
        name = aside_name(failed.battle_id)
        if not _tells_it(self._directory / name, entry):
            self._waiting[name] = aside_bytes(entry)
        if len(self._waiting) == GROUP:
            self.flush()

    def forget(self, battle_id: str) -> None:
        """Take away the entry of a battle that is on the ledger now."""
        name = aside_name(battle_id)
        self._waiting.pop(name, None)
        with storage_errors("cannot remove a settled entry"):
            (self._directory / name).unlink(missing_ok=True)

    def flush(self) -> None:
        """Make the entries durable."""
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        with storage_errors("cannot set a battle aside"):
            make_directory(self._directory)
            self._write(waiting)

    def _write(self, waiting: dict[str, bytes]) -> None:
        with self._lock.held():
            there = {name for name in waiting if (self._directory / name).exists()}
            with contextlib.suppress(FileExistsError):  # another process set one aside at this moment
                new = {name: data for name, data in waiting.items() if name not in there}
                write_new_files(self._directory, new, group_sync=self._group_sync)
                waiting = {name: waiting[name] for name in there}
            for name, data in waiting.items():
                write_file(self._directory / name, data)


class LeftOut:
    """The list of what one path's import did not record. `close` publishes it."""

    def __init__(self, path: Path, settings: Settings) -> None:
        stem = os.fsencode(path.name).decode("utf-8", "replace").split(".")[0][:STEM] or "import"
        name = f"{stem}-{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:8]}.jsonl"
        self.path = settings.rejected / name
        # a name of its own: another import of the same path may be writing its list now
        self._temporary = settings.rejected / f"{TEMPORARY_PREFIX}{uuid.uuid4().hex[:8]}-{name}"
        self._file: IO[bytes] | None = None

    def add(self, entry: Mapping[str, Any]) -> None:
        """Keep one line."""
        with storage_errors(f"cannot write {self.path}"):
            if self._file is None:
                make_directory(self.path.parent)
                self._file = self._open()
            self._file.write(orjson.dumps(dict(entry)) + b"\n")

    def close(self, *, complete: bool) -> None:
        """Publish the list; when the whole path was read and nothing left out, the list of the import before goes."""
        with storage_errors(f"cannot write {self.path}"):
            if self._file is not None:
                self._file.flush()
                sync_file(self._temporary)
                self._temporary.replace(self.path)
                self._file.close()  # and gives up the lock, once the list has its name
                sync_directory(self.path.parent)
                self._file = None
            elif complete:
                self.path.unlink(missing_ok=True)
            self._sweep()

    def _open(self) -> IO[bytes]:
        """The temporary list, locked as long as it is open, so that another import can tell it from a killed one's."""
        while True:
            file = self._temporary.open("wb")
            fcntl.flock(file, fcntl.LOCK_EX)
            if self._temporary.exists():  # nobody swept it before it was locked
                return file
            file.close()

    def _sweep(self) -> None:
        """Remove what killed imports of this path left."""
        folder = self.path.parent
        for path in folder.glob(f"{TEMPORARY_PREFIX}*-{glob.escape(self.path.name)}") if folder.is_dir() else ():
            if not is_held(path):
                path.unlink(missing_ok=True)


def _tells_it(path: Path, entry: Mapping[str, Any]) -> bool:
    try:
        return is_same_failure(path.read_bytes(), entry)
    except OSError:
        return False
