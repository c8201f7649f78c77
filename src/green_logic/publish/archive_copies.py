"""Archives at a second place, a directory or a bucket: copied as they are, each created once, the manifest last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from green_logic.errors import VerificationError
from green_logic.files import FileLock, storage_errors
from green_logic.publish.archive import LOCK_NAME
from green_logic.publish.archive_files import archives_directory, find_archives
from green_logic.publish.companions import place_beside_copies
from green_logic.publish.inventory import file_digest
from green_logic.publish.leaves import Progress, no_progress
from green_logic.publish.store import Store, open_store
from green_logic.settings import Settings

PRODUCT = "archives"  # the folder under the destination, beside that of the Parquet files


@dataclass(frozen=True)
class CopyReport:
    """What was copied where. `present` archives were there already."""

    destination: str
    copied: tuple[str, ...]
    size_bytes: int
    present: int
    create_only: bool


def copy_archives(settings: Settings, destination: str, *, progress: Progress = no_progress) -> CopyReport:
    """Copy every archive that the place does not have. Nothing there is ever overwritten.

    Raises VerificationError when it has another archive of the same name, StorageError, ConfigurationError.
    """
    directory = archives_directory(settings)
    with (
        storage_errors("cannot copy the archives"),
        FileLock(directory / LOCK_NAME, timeout_s=settings.busy_timeout_s).held(),
    ):
        store = open_store(settings, destination, product=PRODUCT)
        archives = find_archives(directory)
        there = store.walk()
        copied = []
        for done, archive in enumerate(archives):
            progress("copying archives", done, len(archives))
            # the manifest last: until it is there, the archive is not
            files = (archive.pack, archive.manifest)
            made = [path for path in files if _copy(store, path, there)]
            copied += [archive.pack] if made else []
        if archives:
            place_beside_copies(directory, store)
        store.settle()
    return CopyReport(
        destination=store.address,
        copied=tuple(path.name for path in copied),
        size_bytes=sum(path.stat().st_size for path in copied),
        present=len(archives) - len(copied),
        create_only=store.create_only,
    )


def _copy(store: Store, path: Path, there: Mapping[str, int]) -> bool:
    """Whether it was copied; a file that is there has to be the same."""
    if path.name not in there:
        if path.suffix == ".json":
            store.publish_bytes(path.name, path.read_bytes())
        else:
            store.publish_copy(path, path.name)
        return True
    with store.local(path.name) as found:
        if file_digest(found) == file_digest(path):
            return False
    raise VerificationError(
        f"{store.address}/{path.name}: another archive of this name",
        kind="archive",
        hint="it was made by another version or of another ledger: choose another --dest, or move that one away",
    )
