"""Archives in the audit: they may stand in for DBOM files that were pruned, so every byte of them is read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from green_logic.audit.cores import PARALLEL_FROM, all_cores
from green_logic.audit.scene import Scene
from green_logic.errors import StorageError, VerificationError
from green_logic.files import is_held
from green_logic.ledger.findings import Finding
from green_logic.ledger.log import Log
from green_logic.ledger.reading import open_for_reading
from green_logic.proof.merkle import subtree_roots

if TYPE_CHECKING:
    from pathlib import Path

    from green_logic.publish.archive_files import Archive
    from green_logic.publish.blocks import Spread
    from green_logic.publish.leaves import Progress


def check_archives(scene: Scene) -> Iterator[Finding]:
    """Every archive is whole and holds exactly the DBOMs of its leaves, and no pack lacks its manifest."""
    from green_logic.publish.archive_files import (  # noqa: PLC0415  most verifications meet no archive
        archives_directory,
        find_archives,
    )

    directory = archives_directory(scene.settings)
    if scene.extent.depth == "ledger" or not directory.is_dir():
        return
    try:
        archives = find_archives(directory)
        total = sum(archive.last_leaf + 1 - archive.first_leaf for archive in archives)
        workers = scene.workers if total >= PARALLEL_FROM else 1
        # an archive may be newer than our snapshot
        with open_for_reading(scene.settings, bounded=True) as now, all_cores(workers) as spread:
            for archive in archives:
                yield from _check_archive(scene, now, archive, _Reading(spread, total))
        yield from _find_strays(directory)
    except (VerificationError, StorageError) as error:
        yield Finding("archive", directory.name, error.message)
    except OSError as error:
        yield Finding("archive", directory.name, f"cannot be read: {error.strerror}")


def _find_strays(directory: Path) -> Iterator[Finding]:
    from green_logic.publish.archive_files import NAME, parse_name  # noqa: PLC0415  as above

    names = sorted(path for path in directory.iterdir() if NAME.fullmatch(path.name))
    lacking = [path for path in names if not parse_name(path).manifest.exists()]
    if not is_held(directory / ".archive.lock"):
        for path in lacking:
            # whoever was at work on it while we looked has given it its manifest, or removed it
            if path.exists() and not parse_name(path).manifest.exists():
                yield Finding("stray", path.name, "there is no manifest beside it")


@dataclass(frozen=True)
class _Reading:
    spread: Spread
    total: int  # DBOMs in all archives, as their names say


def _check_archive(scene: Scene, now: sqlite3.Connection, archive: Archive, reading: _Reading) -> Iterator[Finding]:
    from green_logic.publish.archive_check import match_archive  # noqa: PLC0415  as above
    from green_logic.publish.archive_files import read_manifest  # noqa: PLC0415
    from green_logic.publish.leaves import read_leaves  # noqa: PLC0415

    if not (archive.manifest.is_file() and archive.pack.is_file()):  # a pipe would be waited for
        yield Finding("archive", archive.pack.name, "it, or its manifest, is missing or no file")
        return
    try:
        manifest = read_manifest(archive)
        keyids = [keyid for _, keyid in scene.trust.ranges]
        if manifest["origin"] != scene.trust.origin or manifest["keyid"] not in keyids:
            yield Finding("archive", archive.manifest.name, f"is of the ledger {manifest['origin']}")
            return
        if (reason := _find_misplaced(Log(now), archive, manifest)) is not None:
            yield Finding("archive", archive.manifest.name, reason)
            return
        leaves = read_leaves(now, archive.first_leaf, archive.last_leaf)
        match_archive(archive, leaves, _tell(scene, reading), reading.spread)
    except (VerificationError, StorageError) as error:
        yield Finding("archive", archive.pack.name, error.message)
    except OSError as error:
        yield Finding("archive", archive.pack.name, f"cannot be read: {error.strerror}")
    else:
        scene.report.archived += len(leaves)


def _tell(scene: Scene, reading: _Reading) -> Progress:
    before = scene.report.archived
    return lambda _stage, done, _all: scene.on_progress("reading archived DBOMs", before + done, reading.total)


def _find_misplaced(log: Log, archive: Archive, manifest: Mapping[str, Any]) -> str | None:
    """Why the place in the log that a manifest claims is not that of its leaves."""
    from green_logic.publish.archive_files import find_position  # noqa: PLC0415  as above

    position = find_position(archive, manifest)
    if archive.last_leaf >= log.size():
        return f"holds leaves up to {archive.last_leaf}, the log has {log.size()}"
    if position.root != log.root(archive.last_leaf + 1):
        return "its root is not that of the log"
    if position.before != tuple(subtree_roots(log.subtree, archive.first_leaf)):
        return "what it says of the leaves before its first is not the log's"
    return None
