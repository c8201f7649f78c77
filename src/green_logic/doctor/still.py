"""A ledger that holds still while it is looked at, and stays byte for byte as it is.

Reading beside a WAL lets SQLite write into `battles.db-shm`. After a crash, when no writer is alive, the database is
therefore read from a private copy outside the data directory. A pipe under the name of a file of ours, which whoever
opens it would wait for, is left out of that copy.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from green_logic.audit.folder import writers_alive
from green_logic.files import storage_errors
from green_logic.ledger.schema import LOCK_NAME
from green_logic.proof.dbom import SIZE_LIMIT
from green_logic.settings import CHECKPOINT_NAME, PUBLIC_NAME, Settings

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a planted link or pipe must not lead astray


@contextlib.contextmanager
def hold_still(settings: Settings) -> Iterator[Settings]:
    """Settings whose data directory may be read with SQLite. Raises StorageError when there is no room for a copy."""
    at_rest = wal_path(settings).exists() and not writers_alive(settings)
    pipes = [name for name in (PUBLIC_NAME, CHECKPOINT_NAME) if _is_special(settings.data_dir / name)]
    if not at_rest and not pipes:
        yield settings
        return
    with tempfile.TemporaryDirectory(prefix="green-logic-doctor-") as folder:
        copy = settings.changed(data_dir=Path(folder))
        with storage_errors("cannot copy the ledger to look at it"):
            for path in settings.data_dir.absolute().iterdir():
                if path.name not in pipes and not (at_rest and path.name.startswith(settings.database.name)):
                    (copy.data_dir / path.name).symlink_to(path)
            if at_rest:
                _copy_database(settings, copy)
        yield copy


def _is_special(path: Path) -> bool:
    return os.path.lexists(path) and not path.is_file() and not path.is_dir()


def wal_path(settings: Settings) -> Path:
    """SQLite's write-ahead log."""
    return settings.database.with_name(settings.database.name + "-wal")


def _copy_database(settings: Settings, copy: Settings) -> None:
    wal = wal_path(settings)
    if not wal.stat().st_size:
        # nothing is in it: the database alone is the ledger, and is read as a fixed file through the link
        copy.database.symlink_to(settings.database.absolute())
        return
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(settings.data_dir / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_SH)  # a writer that starts now waits until both files are copied
        shutil.copyfile(settings.database, copy.database)
        shutil.copyfile(wal, wal_path(copy))


def read_regular(path: Path) -> bytes | None:
    """Content of an ordinary file, cut after the largest DBOM; None for anything else, without following or waiting."""
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read(SIZE_LIMIT + 1) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
