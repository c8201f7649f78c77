"""A ledger that holds still while it is looked at, and stays byte for byte as it is.

Reading beside a WAL lets SQLite write into `battles.db-shm`. After a crash, when no writer is alive, the database is
therefore read from a private copy outside the data directory.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from green_logic.audit.checks import writers_alive
from green_logic.files import storage_errors
from green_logic.ledger.schema import LOCK_NAME
from green_logic.settings import Settings


@contextlib.contextmanager
def hold_still(settings: Settings) -> Iterator[Settings]:
    """Settings whose data directory may be read with SQLite. Raises StorageError when there is no room for a copy."""
    wal = wal_path(settings)
    if not wal.exists() or writers_alive(settings):
        yield settings
        return
    with tempfile.TemporaryDirectory(prefix="green-logic-doctor-") as folder:
        copy = settings.changed(data_dir=Path(folder))
        with storage_errors("cannot copy the ledger to look at it"):
            for path in settings.data_dir.absolute().iterdir():
                if not path.name.startswith(settings.database.name):
                    (copy.data_dir / path.name).symlink_to(path)
            _copy_database(settings, copy, wal)
        yield copy


def wal_path(settings: Settings) -> Path:
    """SQLite's write-ahead log."""
    return settings.database.with_name(settings.database.name + "-wal")


def is_held(lock: Path) -> bool:
    """Whether a living process holds a lock file; it is not made where there is none."""
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _copy_database(settings: Settings, copy: Settings, wal: Path) -> None:
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
