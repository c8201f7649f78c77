"""Which archives there are: their names, their manifests, and the leaves that none of them holds."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from green_logic.errors import VerificationError
from green_logic.ledger.shelf import ARCHIVES_NAME
from green_logic.proof.merkle import HASH_SIZE
from green_logic.publish.inventory import parse_inventory, read_inventory
from green_logic.publish.pack import Layout, Pack, unpack_places
from green_logic.settings import Settings

MAX_LEAVES = 65_536  # in one archive; bounds what a crash can cost (20 s) and what a reader of one DBOM has to hold
MAX_FILES = 1 << 16  # in a pack, whose places have 16 bits; whoever reads an archive holds no more of them
SCHEMA = "green-logic/archive/1"
NAME = re.compile(r"dboms-(\d{12})-(\d{12})\.(tar\.gz|json|pruned)")
_TYPES = {
    **dict.fromkeys(("file", "sha256", "sums_sha256", "origin", "keyid", "root", "places", "zlib_version"), str),
    **dict.fromkeys(("first_leaf", "last_leaf", "ledger_size", "dboms", "dbom_bytes", "size_bytes", "zlib_level"), int),
    **dict.fromkeys(("before", "blocks"), list),
}


@dataclass(frozen=True, order=True)
class Archive:
    """The files of one archive by the leaves that it holds, both ends included."""

    first_leaf: int
    last_leaf: int
    directory: Path = field(compare=False)

    @property
    def pack(self) -> Path:
        """The DBOMs."""
        return self._path("tar.gz")

    @property
    def manifest(self) -> Path:
        """Digests, origin and size of the ledger; the archive counts when this is there."""
        return self._path("json")

    @property
    def mark(self) -> Path:
        """Says that this archive answers for the files of its leaves: they may be absent from `data/dboms/`."""
        return self._path("pruned")

    def _path(self, ending: str) -> Path:
        return self.directory / f"dboms-{self.first_leaf:012d}-{self.last_leaf:012d}.{ending}"


def archives_directory(settings: Settings) -> Path:
    """Where the archives of a ledger lie."""
    return settings.data_dir / ARCHIVES_NAME


def find_archives(directory: Path) -> list[Archive]:
    """The archives that count, by leaf. Raises VerificationError when two of them hold the same leaf."""
    names = sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []
    archives = [parse_name(directory / name) for name in names if NAME.fullmatch(name) and name.endswith(".json")]
    for earlier, later in pairwise(archives):
        if later.first_leaf <= earlier.last_leaf:
            raise VerificationError(
                f"{later.pack.name} and {earlier.pack.name} hold the same leaves",
                kind="archive",
                hint="move one of them, with its manifest, out of the folder",
            )
    return archives


def parse_name(path: Path) -> Archive:
    """The archive that a pack, manifest or mark belongs to. Raises VerificationError for another name."""
    found = NAME.fullmatch(path.name)
    if found is None or int(found[1]) > int(found[2]):
        raise VerificationError(f"{path.name}: not the name of an archive", kind="archive")
    return Archive(int(found[1]), int(found[2]), path.parent)


def find_gaps(archives: Sequence[Archive], size: int) -> Iterator[tuple[int, int]]:
    """Ranges of leaves below `size` that no archive holds, cut where an archive would grow too large."""
    start = 0
    for stop, following in [(one.first_leaf, one.last_leaf + 1) for one in archives] + [(size, size)]:
        for first in range(start, stop, MAX_LEAVES):
            yield first, min(first + MAX_LEAVES, stop) - 1
        start = following


@dataclass(frozen=True)
class Position:
    """What a manifest says of its pack: the layout, and where its leaves stand in the log. `before` has the roots of
    the perfect subtrees of the leaves before the first, `root` is that of the log up to and with the last.
    """

    layout: Layout
    before: tuple[bytes, ...]
    root: bytes

    def as_json(self) -> dict[str, Any]:
        """As it stands in a manifest."""
        return {
            "blocks": list(self.layout.blocks),
            "places": _encode(self.layout.pack_places()),
            "before": [_encode(part) for part in self.before],
            "root": _encode(self.root),
        }


def read_manifest(archive: Archive) -> dict[str, Any]:
    """The manifest, in agreement with the archive's name. Raises VerificationError."""
    return _check_manifest(archive, read_inventory(archive.manifest, SCHEMA, _TYPES))


def parse_manifest(archive: Archive, data: bytes) -> dict[str, Any]:
    """The manifest of which these are the bytes, wherever they are from. Raises VerificationError."""
    return _check_manifest(archive, parse_inventory(data, archive.manifest.name, SCHEMA, _TYPES))


def _check_manifest(archive: Archive, manifest: dict[str, Any]) -> dict[str, Any]:
    expected = {
        "file": archive.pack.name,
        "first_leaf": archive.first_leaf,
        "last_leaf": archive.last_leaf,
        "ledger_size": archive.last_leaf + 1,
        "dboms": archive.last_leaf - archive.first_leaf + 1,
    }
    for name, value in expected.items():
        if manifest[name] != value:
            raise VerificationError(
                f"{archive.manifest.name}: {name} expected {value}, got {manifest[name]}", kind="archive"
            )
    if len(find_position(archive, manifest).layout.places) != manifest["dboms"]:
        raise VerificationError(f"{archive.manifest.name}: expected a place for each DBOM", kind="archive")
    return manifest


def find_position(archive: Archive, manifest: Mapping[str, Any]) -> Position:
    """The layout of the pack and its place in the log. Raises VerificationError."""
    try:
        before, root = tuple(map(_decode, manifest["before"])), _decode(manifest["root"])
        layout = Layout(tuple(manifest["blocks"]), unpack_places(_decode(manifest["places"])))
    except ValueError as error:
        raise VerificationError(f"{archive.manifest.name}: {error}", kind="archive") from error
    if any(len(part) != HASH_SIZE for part in (*before, root)) or len(before) != archive.first_leaf.bit_count():
        raise VerificationError(f"{archive.manifest.name}: before and root are no hashes of its log", kind="archive")
    sizes = layout.blocks
    if len(sizes) > MAX_FILES + 1:
        raise VerificationError(f"{archive.manifest.name}: has more blocks than files can be", kind="archive")
    if any(type(size) is not int or size <= 0 for size in sizes) or sum(sizes) != manifest["size_bytes"]:
        raise VerificationError(f"{archive.manifest.name}: its blocks do not make up the file", kind="archive")
    return Position(layout, before, root)


def open_pack(archive: Archive) -> Pack:
    """The pack, with the layout of its manifest. Raises VerificationError, OSError without a file."""
    return Pack(archive.pack, find_position(archive, read_manifest(archive)).layout)


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(text: object) -> bytes:
    if not isinstance(text, str):
        raise ValueError("expected base64")  # noqa: TRY004  as for a text that is none
    data = base64.b64decode(text, validate=True)
    if _encode(data) != text:
        raise ValueError("expected canonical base64")
    return data
