"""Archives in the audit: they may stand in for DBOM files that were pruned, so every byte of them is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from green_logic.audit.scene import Scene
from green_logic.errors import StorageError, VerificationError
from green_logic.files import is_held
from green_logic.ledger.findings import Finding

if TYPE_CHECKING:
    from green_logic.publish.archive_files import Archive


def check_archives(scene: Scene) -> Iterator[Finding]:
    """Every archive is whole and holds exactly the DBOMs of its leaves, and no pack lacks its manifest."""
    from green_logic.publish.archive_files import (  # noqa: PLC0415  most verifications meet no archive
        NAME,
        archives_directory,
        find_archives,
        parse_name,
    )

    directory = archives_directory(scene.settings)
    if scene.extent.depth == "ledger" or not directory.is_dir():
        return
    try:
        archives = find_archives(directory)
        for archive in archives:
            yield from _check_archive(scene, archive)
        if not is_held(directory / ".archive.lock"):
            names = sorted(path.name for path in directory.iterdir() if NAME.fullmatch(path.name))
            for name in names:
                if parse_name(directory / name) not in archives:
                    yield Finding("stray", name, "there is no manifest beside it")
    except (VerificationError, StorageError) as error:
        yield Finding("archive", directory.name, error.message)
    except OSError as error:
        yield Finding("archive", directory.name, f"cannot be read: {error.strerror}")


def _check_archive(scene: Scene, archive: Archive) -> Iterator[Finding]:
    from green_logic.publish.archive_check import match_archive  # noqa: PLC0415  as above
    from green_logic.publish.archive_files import read_manifest  # noqa: PLC0415
    from green_logic.publish.leaves import read_leaves  # noqa: PLC0415

    leaves = read_leaves(scene.connection, archive.first_leaf, archive.last_leaf)
    try:
        manifest = read_manifest(archive)
        keyids = [keyid for _, keyid in scene.trust.ranges]
        if manifest["origin"] != scene.trust.origin or manifest["keyid"] not in keyids:
            yield Finding("archive", archive.manifest.name, f"is of the ledger {manifest['origin']}")
            return
        match_archive(archive, leaves)
    except (VerificationError, StorageError) as error:
        yield Finding("archive", archive.pack.name, error.message)
    except OSError as error:
        yield Finding("archive", archive.pack.name, f"cannot be read: {error.strerror}")
    else:
        scene.report.archived += len(leaves)
