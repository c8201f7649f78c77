"""Everything that is wrong with one archive, from its two files alone: no ledger, no trust in whoever made it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from green_logic.errors import VerificationError
from green_logic.files import storage_errors
from green_logic.proof.dbom import check_dbom, dbom_name
from green_logic.proof.keys import PublicKey
from green_logic.publish.archive_files import Archive, parse_name, read_manifest
from green_logic.publish.inventory import file_digest
from green_logic.publish.leaves import Leaf, Progress, no_progress
from green_logic.publish.pack import Pack


def check_archive(
    path: Path, keys: Mapping[str, PublicKey] | None = None, *, progress: Progress = no_progress
) -> list[str]:
    """What is wrong with an archive, given by its pack or its manifest; empty when it is good.

    Every byte is read and compared. With `keys` (key id → key) the seal of each DBOM is checked too; without, the
    digests prove only that nothing changed since the archive was made. Raises StorageError when it cannot be read.
    """
    try:
        archive = parse_name(path)
        manifest = read_manifest(archive)
        with storage_errors(f"cannot read {archive.pack.name}"):
            return _check_pack(archive, manifest, keys, progress)
    except VerificationError as error:
        return [error.message]


def _check_pack(
    archive: Archive, manifest: Mapping[str, Any], keys: Mapping[str, PublicKey] | None, progress: Progress
) -> list[str]:
    if not archive.pack.is_file():
        return [f"{archive.pack.name} is missing"]
    findings = []
    if archive.pack.stat().st_size != manifest["size_bytes"]:
        findings.append(f"{archive.pack.name}: expected {manifest['size_bytes']} bytes")
    if file_digest(archive.pack) != manifest["sha256"]:
        findings.append(f"{archive.pack.name}: its SHA-256 is not the manifest's")
    count = content_bytes = 0
    try:
        with Pack(archive.pack) as pack:
            for member in pack.members():
                progress("checking", count, manifest["dboms"])
                count, content_bytes = count + 1, content_bytes + len(member.data)
                findings += _check_member(member.name, member.data, manifest["origin"], keys)
    except VerificationError as error:
        return [*findings, error.message]
    if (count, content_bytes) != (manifest["dboms"], manifest["dbom_bytes"]):
        findings.append(
            f"{archive.pack.name}: holds {count} DBOMs of {content_bytes} bytes, not what the manifest says"
        )
    return findings


def _check_member(name: str, data: bytes, origin: str, keys: Mapping[str, PublicKey] | None) -> list[str]:
    if keys is None:
        return []
    try:
        check_dbom(data, keys, name=name, origin=origin)
    except VerificationError as error:
        return [f"{name}: {error.message}"]
    return []


def match_archive(archive: Archive, leaves: Sequence[Leaf], progress: Progress = no_progress) -> None:
    """Raises VerificationError unless the archive is whole and holds exactly the DBOMs of `leaves`."""
    manifest = read_manifest(archive)
    if file_digest(archive.pack) != manifest["sha256"]:
        raise VerificationError(f"{archive.pack.name}: its SHA-256 is not the manifest's", kind="archive")
    match_pack(archive.pack, leaves, progress)


def match_pack(path: Path, leaves: Sequence[Leaf], progress: Progress = no_progress) -> None:
    """Raises VerificationError unless the pack is whole and holds exactly the DBOMs of `leaves`."""
    expected = {dbom_name(leaf.battle_id): leaf.dbom_sha256 for leaf in leaves}
    with Pack(path) as pack:
        for done, member in enumerate(pack.members()):
            progress("reading back", done, len(leaves))
            if expected.pop(member.name, None) != hashlib.sha256(member.data).digest():
                raise VerificationError(f"{path.name}: {member.name} is not what the ledger recorded", kind="archive")
    if expected:
        raise VerificationError(f"{path.name}: {min(expected)} is missing", kind="archive")
