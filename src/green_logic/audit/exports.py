"""Parquet exports in the audit: what their manifests promise, against the files and against the ledger.

By default every file is hashed, and counts, ids and the last digest of each manifest are compared with the ledger,
which needs no Arrow. At the depth "rows" every row is read and compared with its battle, column by column.
"""

from __future__ import annotations

import re
import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from green_logic.audit.apart import TOO_LARGE, read_apart
from green_logic.audit.scene import Scene
from green_logic.errors import ConfigurationError, VerificationError
from green_logic.files import is_held
from green_logic.ledger.findings import Finding
from green_logic.ledger.reading import open_for_reading
from green_logic.publish.inventory import file_digest
from green_logic.publish.leaves import Progress, no_progress
from green_logic.publish.leftovers import find_lost_ids
from green_logic.publish.manifest import (
    MANIFESTS,
    READ_ATTEMPTS,
    VERSION_FOLDER,
    Catalog,
    DataFile,
    Manifest,
    read_catalog,
)
from green_logic.publish.published import Folder, find_roots, own_root
from green_logic.settings import Settings

EXPORT_LOCK = ".export.lock"
PARQUET = re.compile(r"month=[^/]+/[^/]+\.parquet")  # what readers take for data who do not read manifests
_SIGNED = "SELECT count(*), min(battle_row) FROM ledger WHERE battle_row > ? AND battle_row <= ?"


def check_exports(scene: Scene) -> Iterator[Finding]:
    """An export's files are those of its manifests, and hold the rows of this ledger without gap or repetition.

    Looked at are the one in the data directory and the one where `export_to` says, unless that is a bucket.
    """
    if scene.extent.depth == "ledger":
        return
    for root in find_roots(scene.settings):
        for one in _check_root(scene, root):
            yield one if root == own_root(scene.settings) else replace(one, where=str(path_of(root, one.where)))


def path_of(root: Path, where: str) -> Path:
    """The path of what a finding about the export at `root` names; findings about one elsewhere name it already."""
    return root if where == root.name else root / VERSION_FOLDER / where


def _check_root(scene: Scene, root: Path) -> Iterator[Finding]:
    try:
        if not root.is_dir():
            return
        for _ in range(READ_ATTEMPTS):  # an export or a compaction may go on meanwhile
            catalog = read_catalog(Folder(root))
            findings = list(_check(scene, root, catalog))
            if not findings or not (is_busy(scene.settings, root) or read_catalog(Folder(root)).live != catalog.live):
                break
    except (VerificationError, ConfigurationError) as error:
        findings = [Finding("export", root.name, error.message)]
    except OSError as error:
        findings = [Finding("export", root.name, f"cannot be read: {error.strerror}")]
    yield from findings


def _check(scene: Scene, root: Path, catalog: Catalog) -> Iterator[Finding]:
    # more rows may be published by now than our snapshot has
    with open_for_reading(scene.settings, bounded=True) as now:
        now.text_factory = lambda text: text.decode("utf-8", "backslashreplace")
        yield from check_bytes(root, catalog)
        broken = list(_check_manifests(now, scene.trust.origin, catalog))
        broken += filter(None, check_files(root, catalog.files, scene.workers, scene.on_progress))
        yield from broken
        if scene.extent.depth == "rows" and not broken:
            yield from _check_rows(scene, root, catalog)
    strays = list(find_strays(root, catalog))
    if strays and not is_busy(scene.settings, root):
        yield from strays
    rows = sum(manifest.rows for manifest in catalog.live)
    scene.report.exported = max(scene.report.exported, rows)  # two exports hold the same battles


def is_busy(settings: Settings, root: Path) -> bool:
    """Whether somebody exports or compacts: this ledger, or a copy of it that has the same destination."""
    return is_held(settings.data_dir / EXPORT_LOCK) or (root != own_root(settings) and is_held(root))


def check_bytes(root: Path, catalog: Catalog) -> Iterator[Finding]:
    """Every manifest is printed as this project prints it: a byte that changes nothing was changed by somebody."""
    for name, manifest in catalog.all.items():
        path = root / MANIFESTS / name
        if not path.is_file() or path.read_bytes() != manifest.to_bytes():
            yield Finding("export", f"_manifests/{name}", "is not as it was written, or is there no more")


def _check_manifests(connection: sqlite3.Connection, origin: str, catalog: Catalog) -> Iterator[Finding]:
    for manifest in catalog.all.values():
        if manifest.origin != origin:
            yield Finding("export", f"_manifests/{manifest.name}", f"is of the ledger {manifest.origin}")
    before = catalog.live[0].after if catalog.live else 0
    size, _ = connection.execute(_SIGNED, (0, before)).fetchone()
    for manifest in catalog.live:
        # each goes on from the one before, so every leaf is counted once, however many manifests there are
        rows, first = connection.execute(_SIGNED, (manifest.after, manifest.last)).fetchone()
        size += rows
        if manifest.origin == origin:
            yield from _check_manifest(connection, manifest, (rows, first, size))


def _check_manifest(
    connection: sqlite3.Connection, manifest: Manifest, ours: tuple[int, int | None, int]
) -> Iterator[Finding]:
    where = f"_manifests/{manifest.name}"
    last = connection.execute("SELECT dbom_hash FROM battles WHERE id = ?", (manifest.last,)).fetchone()
    found = (manifest.rows, manifest.first, manifest.ledger_size)
    if last is None or last[0] != manifest.last_dbom_hash:
        yield Finding("export", where, f"row {manifest.last} {'is another' if last else 'is not in this ledger'}")
    elif found != ours:
        yield Finding("export", where, f"has rows, first id and ledger size {found}, the ledger {ours}")


def check_files(
    root: Path, files: Sequence[DataFile], workers: int, progress: Progress = no_progress
) -> Iterator[Finding | None]:
    """Size and SHA-256 of each file that counts, on all cores."""
    with ThreadPoolExecutor(max(workers, 1)) as pool:  # hashing lets other threads run
        found = pool.map(lambda file: _check_file(root / VERSION_FOLDER / file.path, file), files)
        for done, finding in enumerate(found):
            progress("hashing exported files", done, len(files))
            yield finding


def _check_file(path: Path, file: DataFile) -> Finding | None:
    try:
        if path.is_symlink() or not path.is_file():
            return Finding("export", file.path, "a manifest names it, but there is no such file")
        size = path.stat().st_size
        if size != file.size_bytes:
            return Finding("export", file.path, f"expected {file.size_bytes} bytes, got {size}")
        digest = file_digest(path)
    except OSError as error:
        return Finding("export", file.path, f"cannot be read: {error.strerror}")
    return None if digest == file.sha256 else Finding("export", file.path, "its SHA-256 is not the manifest's")


def find_strays(root: Path, catalog: Catalog) -> Iterator[Finding]:
    """Parquet files where readers look that no manifest names: what a crash left, and what has lost its manifest."""
    named = {file.path for manifest in catalog.all.values() for file in manifest.files}
    folder = root / VERSION_FOLDER
    for path in sorted(folder.rglob("*.parquet")) if folder.is_dir() else ():
        name = path.relative_to(folder).as_posix()
        if lost := find_lost_ids(name, catalog):
            yield Finding("export", name, f"no manifest covers its ids {lost[0]} to {lost[1]}: one was removed")
        elif PARQUET.fullmatch(name) and name not in named:
            yield Finding("stray", name, "no manifest names it")


@dataclass(frozen=True)
class _Job:
    data_dir: Path
    root: Path
    file: DataFile


def _check_rows(scene: Scene, root: Path, catalog: Catalog) -> Iterator[Finding]:
    """Every row of every file against the ledger, on all cores."""
    jobs = [_Job(scene.settings.data_dir, root, file) for file in catalog.files]
    rows = {file.path: manifest for manifest in catalog.live for file in manifest.files}
    seen = {manifest.name: bytearray(manifest.last - manifest.after) for manifest in catalog.live}
    done, total = 0, sum(manifest.rows for manifest in catalog.live)
    for job, answer in read_apart(_match_file, jobs, scene.workers):
        scene.on_progress("comparing exported rows", done, total)
        if not isinstance(answer, bytes):
            yield Finding("export", job.file.path, answer or TOO_LARGE)
            continue
        done += job.file.rows
        manifest = rows[job.file.path]
        for row in array("q", answer):
            if not manifest.after < row <= manifest.last or seen[manifest.name][row - manifest.after - 1]:
                yield Finding("export", job.file.path, f"row {row} is exported twice, or is not of its manifest")
                break
            seen[manifest.name][row - manifest.after - 1] = 1


def _match_file(job: _Job) -> bytes | str:
    """The ids of the rows of a file, or what is wrong with it."""
    from green_logic.publish.export_match import match_file  # noqa: PLC0415  it loads Arrow

    try:
        with open_for_reading(Settings(data_dir=job.data_dir), bounded=True) as now:
            now.text_factory = lambda text: text.decode("utf-8", "backslashreplace")
            return match_file(job.root, job.file, now)
    except MemoryError:
        return TOO_LARGE
    except VerificationError as error:
        return error.message
