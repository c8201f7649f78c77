"""Archives that a second place has too: whether they are the same, and which of the two to distrust."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from pathlib import Path

from green_logic.errors import VerificationError
from green_logic.publish.archive_files import Archive, parse_manifest
from green_logic.publish.inventory import file_digest, read_bounded
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
