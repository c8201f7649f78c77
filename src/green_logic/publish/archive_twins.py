"""Archives that a second place has too, whole or some of their leaves: whether it holds the same there.

A copy that differs is one that rotted, and the message says which of the two; leaves that differ are a forked history.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path

from green_logic.errors import VerificationError
from green_logic.publish.archive_files import NAME, Archive, find_position, parse_manifest, parse_name
from green_logic.publish.archive_overlap import FORKED, Listed, find_fork, list_leaves
from green_logic.publish.inventory import file_digest, read_bounded
from green_logic.publish.pack import Pack
from green_logic.publish.store import Store

AGAIN = "move both files of it out of archives/ and run green-logic archive: the rows make it again"


def check_copy(store: Store, archive: Archive, names: Collection[str]) -> None:
    """Raises VerificationError unless an archive and its files at a place, `names`, are the same, and good.

    The message says which of the two is not, and which one it can be mended from. Every byte of both is read; whether
    the DBOMs in them are good is not looked at.
    """
    ours, copied = read_bounded(archive.manifest), archive.pack.name in names
    with contextlib.ExitStack() as stack:
        found = {name: stack.enter_context(store.local(name)) for name in names}
        theirs = read_bounded(found[archive.manifest.name]) if archive.manifest.name in found else ours
        here = _find_fault(archive, ours, archive.pack)
        there = _find_fault(archive, theirs, found.get(archive.pack.name))
    mine, other = f"{archive.directory}/{here}", f"{store.address}/{there}"
    away = f"move what {store.address} has of it away and run green-logic archive again: it is copied anew"
    if here and there:
        raise VerificationError(f"{mine}; {other}", kind="archive", hint=f"{AGAIN}; {away}")
    if here and copied:
        back = f"put both files of it back from there, or {AGAIN}"
        raise VerificationError(f"{mine}; {store.address}/{archive.pack.name} is good", kind="archive", hint=back)
    if here:
        raise VerificationError(mine, kind="archive", hint=AGAIN)
    if there:
        raise VerificationError(f"{other}; {archive.pack} is good", kind="archive", hint=away)
    if ours != theirs:
        raise VerificationError(
            f"{store.address}/{archive.pack.name}: another archive of this name",
            kind="archive",
            hint="it was made by another version or of another ledger: choose another --dest, or move that one away",
        )


def _find_fault(archive: Archive, manifest: bytes, pack: Path | None) -> str:
    """Which file of an archive is not as it was written, in words; empty when it is good as far as it is there."""
    try:
        stated = parse_manifest(archive, manifest)
    except VerificationError as error:
        return error.message
    same = pack is None or file_digest(pack) == stated["sha256"]
    return "" if same else f"{archive.pack.name}: its SHA-256 is not the manifest's"


def check_history(store: Store, archive: Archive, names: Collection[str]) -> None:
    """Raises VerificationError when another archive at a place, among all `names` there, has a leaf of this one with
    another DBOM, or has one and cannot be read. Archives of other ledgers are not looked at.
    """
    for other in _overlapping(archive, names):
        mine = _list(archive, read_bounded(archive.manifest), archive.pack)
        try:
            with store.local(other.pack.name) as found:
                theirs = _list(other, store.read(other.manifest.name), found)
        except VerificationError as error:
            away = f"it holds leaves of {archive.pack.name}: move it and its manifest away, or choose another --dest"
            raise VerificationError(f"{store.address}/{error.message}", kind="archive", hint=away) from error
        if fork := find_fork(mine, theirs):
            raise VerificationError(
                f"{archive.pack}: {fork}, at {store.address}",
                kind=FORKED,
                hint="one ledger went on from an earlier state of the other: keep both, and choose another --dest",
            )


def _overlapping(archive: Archive, names: Collection[str]) -> Iterator[Archive]:
    manifests = sorted(name for name in names if NAME.fullmatch(name) and name.endswith(".json"))
    for other in map(parse_name, map(Path, manifests)):
        apart = other.last_leaf < archive.first_leaf or archive.last_leaf < other.first_leaf
        if other != archive and not apart and other.pack.name in names:
            yield other


def _list(archive: Archive, manifest: bytes, path: Path) -> Listed:
    stated = parse_manifest(archive, manifest)
    with Pack(path, find_position(archive, stated).layout) as pack:
        sums = pack.sums()
    if hashlib.sha256(sums).hexdigest() != stated["sums_sha256"]:
        raise VerificationError(f"{archive.pack.name}: its list of digests is not the manifest's", kind="archive")
    return list_leaves(archive, stated["origin"], sums)
