"""The Parquet export: ledger rows → published files, each id exactly once, whatever is cut short.

1. Under the export lock: read the manifests, refuse a foreign or newer destination, sweep what an earlier crash left.
2. Take the highest id of the ledger; the rows after the cursor are cut into ranges (see ranges.py).
3. Processes of their own write the files of a range in a spool that no reader looks at, and read them back.
4. They get their names (create-only, durable); nothing names them yet, so they do not count.
5. The manifest appears: now they count. A crash before it changes nothing, a crash after it loses nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from green_logic import __version__
from green_logic.errors import ConfigurationError, StorageError, VerificationError
from green_logic.files import storage_errors
from green_logic.publish.contract import data_dictionary
from green_logic.publish.export_lock import exporting, open_for_export
from green_logic.publish.export_state import LedgerState, read_state
from green_logic.publish.ledger_rows import UNSIGNED_HINT
from green_logic.publish.leftovers import check_whole, sweep
from green_logic.publish.manifest import (
    MANIFESTS,
    SCHEMA_VERSION,
    VERSION_FOLDER,
    Catalog,
    DataFile,
    Manifest,
    check_same_ledger,
    read_catalog,
    suffix,
)
from green_logic.publish.parts import CheckedPart
from green_logic.publish.ranges import writing_ranges
from green_logic.publish.room import local_place, share_of, telling_room
from green_logic.publish.store import Store
from green_logic.settings import Settings

WRITER = f"green-logic {__version__}"


@dataclass(frozen=True)
class ExportReport:
    """What an export did. `manifest` is None when there was nothing new; `files` are relative to `destination`."""

    destination: str
    first: int
    last: int
    rows: int
    size_bytes: int
    files: tuple[str, ...]
    manifest: str | None
    swept: int  # leftovers of earlier runs that were removed
    create_only: bool = True  # False: the place cannot refuse an overwrite by a stranger


@dataclass(frozen=True)
class ExportPlan:
    """What an export would publish: `rows` signed rows with the ids `first` to `last`; all 0 when nothing is new."""

    destination: str
    first: int
    last: int
    rows: int


def export_battles(
    settings: Settings, *, since: int | None = None, rebuild: bool = False, destination: str | Path | None = None
) -> ExportReport:
    """Publish the ledger's new rows as Parquet, or with `rebuild` all of them in the place of what is there.

    `destination` is a directory or a URI that pyarrow knows; it gets a folder `battles/`. `since` starts an empty
    destination after that id. Safe to repeat at any time, and beside writers; the calling process may have the ledger
    open. Raises LedgerMissingError, ConfigurationError for a destination of another ledger or version,
    VerificationError when rows, files or manifests are not what was sealed, StorageError, RetryableError.
    """
    with telling_room(local_place(settings, destination)) as room, exporting(settings, destination) as (store, lock):
        catalog, state = _look(settings, store, since=since, rebuild=rebuild)
        room.needed = share_of(settings.database, state.expected_rows, state.size)
        swept = sweep(store, catalog)
        if state.last <= state.cursor:
            return ExportReport(store.address, 0, 0, 0, 0, (), None, swept)
        generation = catalog.generation + bool(rebuild and catalog.all)
        files = _write_files(settings, store, state, ending=suffix(generation), lock=lock)
        manifest = Manifest(
            after=state.cursor,
            first=min(file.first for file in files),
            last=state.last,
            generation=generation,
            schema_version=SCHEMA_VERSION,
            origin=state.origin,
            ledger_size=state.size,
            last_dbom_hash=state.last_dbom_hash,
            writer=WRITER,
            supersedes=tuple(sorted(catalog.all)) if rebuild else (),
            files=files,
        )
        _load_companions()(settings, store)
        commit(store, manifest, catalog)
        if rebuild:
            swept += sweep(store, read_catalog(store))
    return _report(store, manifest, swept)


def plan_export(
    settings: Settings, *, since: int | None = None, rebuild: bool = False, destination: str | Path | None = None
) -> ExportPlan:
    """What `export_battles` would publish now. Nothing is written, not even a lock; no row is looked at.

    Raises what `export_battles` raises before it writes.
    """
    with storage_errors("cannot read the export"):
        store = open_for_export(settings, destination)
        _, state = _look(settings, store, since=since, rebuild=rebuild)
    if state.last <= state.cursor:
        return ExportPlan(store.address, 0, 0, 0)
    return ExportPlan(store.address, state.first, state.last, state.expected_rows)


def _look(settings: Settings, store: Store, *, since: int | None, rebuild: bool) -> tuple[Catalog, LedgerState]:
    """What is published and what is new; raises where an export must not go on."""
    if rebuild and since is not None:
        raise ConfigurationError("--since and --rebuild exclude each other", hint="a rebuild begins at the first row")
    catalog = read_catalog(store, check=not rebuild)
    cursor = 0 if rebuild else _cursor(catalog, since, store.address)
    state = read_state(settings, catalog, cursor, rebuild=rebuild)
    check_same_ledger(catalog, state.origin, store.address, rebuild=rebuild)
    if not rebuild:
        check_whole(store, catalog)
    return catalog, state


def _cursor(catalog: Catalog, since: int | None, address: str) -> int:
    if since is None or (since == catalog.cursor and catalog.live):
        return catalog.cursor
    if not 0 <= since < 1 << 63:  # SQLite's ids end there
        raise ConfigurationError(f"--since expected an id from 0 on, got {since}")
    if catalog.live:
        raise ConfigurationError(
            f"{address}: ids up to {catalog.cursor} are published, --since {since} would repeat or leave out rows",
            hint="leave --since away to go on, use --rebuild to begin anew, or choose an empty --dest",
        )
    return since


def _write_files(
    settings: Settings, store: Store, state: LedgerState, *, ending: str, lock: int
) -> tuple[DataFile, ...]:
    with writing_ranges(settings.database, state.ranges, store.spool, ending=ending, lock=lock) as parts:
        _load_companions()  # while the processes start
        checked = list(parts)
    rows = sum(part.file.rows for part in checked)
    if rows != state.expected_rows:
        ids = f"{state.first}-{state.last}"
        raise VerificationError(
            f"{settings.database}: ids {ids} have {state.expected_rows} signed rows, read {rows}",
            kind="export",
            hint=UNSIGNED_HINT,
        )
    return publish_parts(store, checked)


def _load_companions() -> Callable[[Settings, Store], None]:
    from green_logic.publish.companions import place_beside_export  # noqa: PLC0415  it loads cryptography

    return place_beside_export


def publish_parts(store: Store, checked: Sequence[CheckedPart]) -> tuple[DataFile, ...]:
    """Give checked parts their names. They do not count before a manifest names them."""
    for part in checked:
        with _creating(part.file.path):
            store.publish_file(part.path, f"{VERSION_FOLDER}/{part.file.path}")
    return tuple(sorted((part.file for part in checked), key=lambda file: (file.first, file.path)))


def commit(store: Store, manifest: Manifest, catalog: Catalog) -> None:
    """Make a manifest appear; from now on its files count. The data dictionary is put beside the data first.

    Raises StorageError, and takes the manifest back, when somebody else has published since `catalog` was read what
    does not fit with it: a store has no lock, and what this one supersedes is still there.
    """
    _explain(store)
    with _creating(manifest.name):
        store.publish_bytes(f"{MANIFESTS}/{manifest.name}", manifest.to_bytes())
    names = {name for name in store.names(MANIFESTS) if not name.startswith(".")}
    if names == {*catalog.all, manifest.name}:
        return
    try:
        read_catalog(store)
    except VerificationError as error:
        store.remove(f"{MANIFESTS}/{manifest.name}")
        raise StorageError(
            f"{manifest.name}: somebody else has published meanwhile: {error.message}",
            hint="this one was taken back, nothing was lost: wait for the other, then run the same command again",
        ) from error


def _explain(store: Store) -> None:
    """Put the data dictionary beside the data, when it is not there."""
    text = data_dictionary(__version__).encode()
    if store.size("README.md") is None or store.read("README.md") != text:
        store.replace("README.md", text)


def _report(store: Store, manifest: Manifest, swept: int) -> ExportReport:
    return ExportReport(
        destination=store.address,
        first=manifest.first,
        last=manifest.last,
        rows=manifest.rows,
        size_bytes=sum(file.size_bytes for file in manifest.files),
        files=tuple(f"{VERSION_FOLDER}/{file.path}" for file in manifest.files),
        manifest=f"{MANIFESTS}/{manifest.name}",
        swept=swept,
        create_only=store.create_only,
    )


@contextlib.contextmanager
def _creating(name: str) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise StorageError(
            f"{name}: somebody else has published it meanwhile; a published file is never overwritten",
            hint="two data directories must not export to one destination; run the same command again to go on",
        ) from error
