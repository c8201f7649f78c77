"""Who may export: one at a time of a ledger, and one at a time to a directory that is not the ledger's own."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from green_logic.errors import StorageError
from green_logic.files import FileLock, make_directory, storage_errors
from green_logic.ledger.reading import open_for_reading
from green_logic.publish.store import LocalStore, Store, open_store
from green_logic.settings import Settings

LOCK_NAME = ".export.lock"  # one export or compaction of a ledger at a time


@contextlib.contextmanager
def exporting(settings: Settings, destination: str | Path | None) -> Iterator[tuple[Store, int]]:
    """The store at a destination, and the descriptor of the export lock, which is held.

    Raises StorageError when another export does not end in time.
    """
    with storage_errors("cannot export"), contextlib.ExitStack() as stack:
        with open_for_reading(settings):
            pass  # without a ledger, not even a lock file is made
        lock = stack.enter_context(FileLock(settings.data_dir / LOCK_NAME, timeout_s=settings.busy_timeout_s).held())
        store = open_store(settings, destination)
        if destination and isinstance(store, LocalStore):
            make_directory(store.root)
            stack.enter_context(_alone_at(store.root))
        yield store, lock


@contextlib.contextmanager
def _alone_at(root: Path) -> Iterator[None]:
    """Keep a copy of the ledger out that exports here too: it would sweep what is not named yet.

    The lock is on the directory itself and leaves no file behind.
    """
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(descriptor, root)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, root: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StorageError(
            f"{root}: somebody else is exporting there", hint="wait for it to end, then run the same command again"
        ) from error
    except OSError:
        return  # some network file systems lock no directory
