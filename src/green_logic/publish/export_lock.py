"""Who may export: one at a time of a ledger, and one at a time to a directory that is not the ledger's own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from green_logic.files import FileLock, make_directory, storage_errors
from green_logic.ledger.reading import open_for_reading
from green_logic.publish.directory_lock import alone_in
from green_logic.publish.store import LocalStore, Store, check_open, open_store
from green_logic.settings import Settings

LOCK_NAME = ".export.lock"  # one export or compaction of a ledger at a time


def open_for_export(settings: Settings, destination: str | Path | None) -> Store:
    """The store at a destination. Raises StorageError for a directory in which nothing can be written."""
    store = open_store(settings, destination)
    if isinstance(store, LocalStore):
        check_open(store.root, "cannot export", "--dest")
    return store


@contextlib.contextmanager
def exporting(settings: Settings, destination: str | Path | None) -> Iterator[tuple[Store, int]]:
    """The store at a destination, and the descriptor of the export lock, which is held.

    Raises StorageError when another export does not end in time.
    """
    with storage_errors("cannot export"), contextlib.ExitStack() as stack:
        with open_for_reading(settings):
            pass  # without a ledger, not even a lock file is made
        store = open_for_export(settings, destination)
        lock = stack.enter_context(FileLock(settings.data_dir / LOCK_NAME, timeout_s=settings.busy_timeout_s).held())
        if destination and isinstance(store, LocalStore):
            stack.enter_context(storage_errors("cannot export", "--dest"))
            make_directory(store.root)
            # a copy of the ledger that exports here too would sweep what is not named yet
            stack.enter_context(alone_in(store.root, f"{store.root}: somebody else is exporting there"))
        yield store, lock
