"""Archives at a second place, a directory or a bucket: copied as they are, each created once, the manifest last.

A copy that was compared is not read again while neither file has been touched since: a night costs what is new. Whether
the bytes are still good, `green-logic verify` tells at either place.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from green_logic.errors import ConfigurationError, VerificationError
from green_logic.files import FileLock, make_directory, storage_errors
from green_logic.publish.archive import LOCK_NAME
from green_logic.publish.archive_files import Archive, archives_directory, find_archives, parse_manifest
from green_logic.publish.archive_twins import AGAIN, check_copy, check_history
from green_logic.publish.companions import place_beside_copies
from green_logic.publish.copy_record import read_record, write_record
from green_logic.publish.directory_lock import alone_in
from green_logic.publish.inventory import read_bounded
from green_logic.publish.leaves import Progress, no_progress
from green_logic.publish.store import LocalStore, Store, check_open, mark_of, open_store
from green_logic.settings import Settings

PRODUCT = "archives"  # the folder under the destination, beside that of the Parquet files
COPY_NAME = re.compile(r"copy-dboms-\d{12}-\d{12}\.(tar\.gz|json)")  # what a killed run may leave in a spool


@dataclass(frozen=True)
class CopyReport:
    """What was copied where. `present` archives were there already; `compared` files of those were read again."""

    destination: str
    copied: tuple[str, ...]
    size_bytes: int
    present: int
    create_only: bool
    compared: int = 0


@dataclass
class _Copying:
    """One run: which files are there, which are known to be equal, and what came of each."""

    store: Store
    there: dict[str, str]
    known: dict[str, list[str]]
    equal: dict[str, list[str]] = field(default_factory=dict)
    created: list[Path] = field(default_factory=list)
    compared: int = 0


def copy_archives(settings: Settings, destination: str, *, progress: Progress = no_progress) -> CopyReport:
    """Copy every archive that the place does not have. Nothing there is ever overwritten.

    Raises VerificationError when one of the two is not what its manifest says, or when they hold different DBOMs of one
    leaf, StorageError, ConfigurationError.
    """
    directory = archives_directory(settings)
    with _copying(settings, destination) as store:
        archives = find_archives(directory)
        run = _Copying(store, store.marks(), read_record(settings, store.address))
        for done, archive in enumerate(archives):
            progress("copying archives", done, len(archives))
            _copy(run, archive)
        if archives:
            place_beside_copies(directory, store)
        store.settle()
        after = store.marks() if run.created else {}
        fresh = {path.name: [mark_of(path), after[path.name]] for path in run.created if path.name in after}
        write_record(settings, store.address, run.equal | fresh)
    copied = [archive.pack for archive in archives if {archive.pack, archive.manifest} & set(run.created)]
    return CopyReport(
        destination=store.address,
        copied=tuple(path.name for path in copied),
        size_bytes=sum(path.stat().st_size for path in copied),
        present=len(archives) - len(copied),
        create_only=store.create_only,
        compared=run.compared,
    )


def open_for_copies(settings: Settings, destination: str) -> Store:
    """The store at a place for copies. Raises ConfigurationError, or StorageError, for one that can be none."""
    store = open_store(settings, destination, product=PRODUCT)
    if isinstance(store, LocalStore):
        _check_apart(store.root, archives_directory(settings))
        check_open(store.root, "cannot copy the archives", "--dest (archive_to)")
    return store


@contextlib.contextmanager
def _copying(settings: Settings, destination: str) -> Iterator[Store]:
    """The store, to which nobody else copies, without what a killed run left in its spool."""
    directory = archives_directory(settings)
    lock = FileLock(directory / LOCK_NAME, timeout_s=settings.busy_timeout_s)
    with storage_errors("cannot copy the archives"), contextlib.ExitStack() as stack:
        stack.enter_context(lock.held())
        store = open_for_copies(settings, destination)
        if isinstance(store, LocalStore):
            make_directory(store.root)
            stack.enter_context(alone_in(store.root, f"{store.root}: somebody else is copying archives there"))
        for path in store.spool.iterdir() if store.spool.is_dir() else ():
            if COPY_NAME.fullmatch(path.name):
                path.unlink()
        yield store


def _check_apart(root: Path, directory: Path) -> None:
    alike = os.path.realpath(root) == os.path.realpath(directory)
    if alike or (root.exists() and directory.exists() and root.samefile(directory)):
        raise ConfigurationError(
            f"{root}: the archives themselves lie there, it is no second place",
            hint="give --dest (archive_to) another directory, or an address such as s3://bucket/prefix",
        )


def _copy(run: _Copying, archive: Archive) -> None:
    """Create the files of an archive that are not there; those that are have to be the same, and good."""
    paths = (archive.pack, archive.manifest)
    # from before they are read: what changes meanwhile is read next time
    marks = {path.name: [mark_of(path), run.there[path.name]] for path in paths if path.name in run.there}
    if touched := [name for name in marks if run.known.get(name) != marks[name]]:
        run.compared += len(touched)
        check_copy(run.store, archive, marks)
    run.equal |= marks
    if len(marks) < len(paths):
        check_history(run.store, archive, run.there)
    # the manifest last: until it is there, the archive is not
    for path in paths:
        if path.name not in marks:
            _create(run.store, archive, path)
            run.created.append(path)


def _create(store: Store, archive: Archive, path: Path) -> None:
    """Raises VerificationError, and creates nothing, unless the archive is what its manifest says."""
    data = read_bounded(archive.manifest)
    expected = parse_manifest(archive, data)["sha256"]

    def check(found: str) -> None:
        if found != expected:
            message = f"{archive.pack}: expected SHA-256 {expected}, as its manifest says, got {found}"
            raise VerificationError(message, kind="archive", hint=AGAIN)

    if path == archive.manifest:
        store.publish_bytes(path.name, data)
    else:
        store.publish_copy(path, path.name, check)
