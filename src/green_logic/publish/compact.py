"""Merging the small files of a month, so that a query opens few.

The merged files are written and checked like an export's, from the published files, never from the ledger. One new
manifest then supersedes all the others: a reader of the manifests sees all small files or all merged ones. The old
files are removed last; a crash before that leaves them to the next export's sweep.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count, groupby
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from green_logic.errors import VerificationError
from green_logic.publish.export import WRITER, commit, publish_parts
from green_logic.publish.export_lock import exporting
from green_logic.publish.leftovers import check_whole, sweep
from green_logic.publish.manifest import VERSION_FOLDER, Catalog, DataFile, Manifest, read_catalog, suffix
from green_logic.publish.parquet import check_file, check_part, write_parts
from green_logic.publish.parts import CheckedPart, Part
from green_logic.publish.room import local_place, telling_room
from green_logic.publish.store import Store
from green_logic.settings import Settings

SMALL_BYTES = 64 << 20  # half of what closes a file; a file above it is left alone


@dataclass(frozen=True)
class CompactReport:
    """What a compaction did; the counts are of files. `manifest` is None when there was nothing to merge."""

    destination: str
    files_before: int
    files_after: int
    merged: int
    rows: int  # in the merged files
    manifest: str | None
    create_only: bool = True  # False: the place cannot refuse an overwrite by a stranger


def compact_exports(settings: Settings, *, destination: str | Path | None = None) -> CompactReport:
    """Merge the small files of each month. Safe to repeat, and beside readers that follow the manifests.

    Raises VerificationError when a file is not what its manifest says, StorageError, LedgerMissingError.
    """
    with telling_room(local_place(settings, destination)) as room, exporting(settings, destination) as (store, _):
        catalog = read_catalog(store)
        check_whole(store, catalog)
        sweep(store, catalog)
        groups = find_groups(catalog.files)
        if not groups:
            count = len(catalog.files)
            return CompactReport(store.address, count, count, 0, 0, None)
        room.needed = sum(file.size_bytes for group in groups for file in group)
        manifest, merged = _merge(store, catalog, groups)
        commit(store, manifest, catalog)
        sweep(store, read_catalog(store))
    return CompactReport(
        destination=store.address,
        files_before=len(catalog.files),
        files_after=len(manifest.files),
        merged=sum(len(group) for group in groups),
        rows=sum(file.rows for file in merged),
        manifest=manifest.name,
        create_only=store.create_only,
    )


def find_groups(files: Sequence[DataFile]) -> list[tuple[DataFile, ...]]:
    """Runs of two or more small files that follow each other in one month."""
    ordered = sorted(files, key=lambda file: (PurePosixPath(file.path).parent, file.first))
    runs = groupby(ordered, key=lambda file: (PurePosixPath(file.path).parent, file.size_bytes < SMALL_BYTES))
    groups = [(small, tuple(run)) for (_, small), run in runs]
    return [run for small, run in groups if small and len(run) > 1]


def _merge(
    store: Store, catalog: Catalog, groups: Sequence[Sequence[DataFile]]
) -> tuple[Manifest, tuple[DataFile, ...]]:
    generation = catalog.generation + 1
    names = (f"part-{number:06d}.parquet" for number in count())
    # group by group: a run must not be merged across the large file that ends it
    parts = (part for group in groups for part in write_parts(_read(store, group), store.spool, names))
    checked = _check_parts(parts, suffix(generation))
    merged = {file for group in groups for file in group}
    rows, expected = sum(part.file.rows for part in checked), sum(file.rows for file in merged)
    if rows != expected:
        raise VerificationError(f"{store.address}: merged files have {rows} rows, expected {expected}", kind="export")
    fresh = publish_parts(store, checked)
    files = tuple(sorted([*fresh, *(set(catalog.files) - merged)], key=lambda file: (file.first, file.path)))
    oldest, newest = catalog.live[0], catalog.live[-1]
    manifest = replace(
        newest,
        after=oldest.after,
        first=oldest.first,
        generation=generation,
        writer=WRITER,
        supersedes=tuple(sorted(catalog.all)),
        files=files,
    )
    return manifest, fresh


def _check_parts(parts: Iterator[Part], ending: str) -> list[CheckedPart]:
    """Finish all parts; each is read back and checked while the next one is written."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="compact-check") as pool:
        waiting = [pool.submit(check_part, part, ending) for part in parts]
        return [future.result() for future in waiting]


def _read(store: Store, files: Sequence[DataFile]) -> Iterator[pa.RecordBatch]:
    for file in files:
        with contextlib.ExitStack() as stack:
            path = stack.enter_context(store.local(f"{VERSION_FOLDER}/{file.path}"))
            # a damaged file must not be given a new name and a fresh digest
            check_file(path, file.path, first=file.first, last=file.last, rows=file.rows, sha256=file.sha256)
            reader = stack.enter_context(pq.ParquetFile(path, pre_buffer=False))
            for group in range(reader.num_row_groups):
                yield from reader.read_row_group(group, use_threads=False).to_batches()
