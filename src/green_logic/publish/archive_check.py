"""One archive against what is known of it: its own two files, or the leaves of the ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from green_logic.errors import VerificationError
from green_logic.proof.dbom import dbom_name
from green_logic.proof.keys import PublicKey
from green_logic.publish.archive_chain import check_chain
from green_logic.publish.archive_files import Archive, find_position, parse_name, read_manifest
from green_logic.publish.blocks import Listing, Spread, blocks_of, in_turn, list_block
from green_logic.publish.inventory import file_digest
from green_logic.publish.leaves import Leaf, Progress, no_progress
from green_logic.publish.pack import Layout, Pack, names_in


def check_archive(
    path: Path, keys: Mapping[str, PublicKey] | None = None, *, progress: Progress = no_progress
) -> list[str]:
    """What is wrong with an archive, given by its pack or its manifest; empty when it is good.

    Every byte is read and compared. With `keys` (key id → key) the seal of each DBOM is checked too; without, the
    digests prove only that nothing changed since the archive was made. Raises StorageError when it cannot be read.
    """
    try:
        report = check_chain([parse_name(path)], keys, progress=progress)
    except VerificationError as error:
        return [error.message]
    return [f"{finding.where}: {finding.message}" for finding in report.findings]


def match_archive(
    archive: Archive, leaves: Sequence[Leaf], progress: Progress = no_progress, spread: Spread = in_turn
) -> None:
    """Raises VerificationError unless the archive is whole and holds exactly the DBOMs of `leaves`."""
    manifest = read_manifest(archive)
    layout = find_position(archive, manifest).layout
    if file_digest(archive.pack) != manifest["sha256"]:
        raise VerificationError(f"{archive.pack.name}: its SHA-256 is not the manifest's", kind="archive")
    content_bytes, sums_sha256 = match_pack(archive.pack, layout, leaves, progress, spread)
    if (content_bytes, sums_sha256) != (manifest["dbom_bytes"], manifest["sums_sha256"]):
        raise VerificationError(f"{archive.manifest.name}: does not describe the DBOMs in its pack", kind="archive")


def match_pack(
    path: Path,
    layout: Layout,
    leaves: Sequence[Leaf],
    progress: Progress = no_progress,
    spread: Spread = in_turn,
) -> tuple[int, str]:
    """Bytes of the DBOMs in a pack, and SHA-256 of its list of digests.

    Raises VerificationError unless the pack is whole and holds just the DBOMs of `leaves`, listed in their order.
    """
    content_bytes = 0
    expected = {dbom_name(leaf.battle_id): leaf.dbom_sha256.hex() for leaf in leaves}
    order, listing = list(expected), Listing(path)
    with Pack(path, layout) as pack:
        sums = pack.sums()
        if names_in(sums) != order:
            raise VerificationError(f"{path.name}: its files are not listed in the order of the log", kind="archive")
        for number, files in enumerate(spread(list_block, blocks_of(path, layout.blocks)[:-1])):
            progress("reading back", len(listing.files), len(leaves))
            for file in files:
                listing.add(file.name, file.sha256, number)
                content_bytes += file.size_bytes
                if expected.pop(file.name, None) != file.sha256:
                    raise VerificationError(f"{path.name}: {file.name} is not what the ledger recorded", kind="archive")
        pack.check_listing(listing)
    if expected:
        raise VerificationError(f"{path.name}: {min(expected)} is missing", kind="archive")
    return content_bytes, hashlib.sha256(sums).hexdigest()
