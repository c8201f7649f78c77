"""Which archives there are: their names, their manifests, and the leaves that none of them holds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from green_logic.errors import VerificationError
from green_logic.ledger.shelf import ARCHIVES_NAME
from green_logic.publish.inventory import read_inventory
from green_logic.settings import Settings

MAX_LEAVES = 65_536  # in one archive; bounds what a crash can cost (20 s) and what a reader of one DBOM has to hold
SCHEMA = "green-logic/archive/1"
NAME = re.compile(r"dboms-(\d{12})-(\d{12})\.(tar\.zst|json|pruned)")
_TYPES = {
    **dict.fromkeys(("file", "sha256", "sums_sha256", "origin", "keyid", "zstd_version"), str),
    **dict.fromkeys(("first_leaf", "last_leaf", "ledger_size", "dboms", "dbom_bytes", "size_bytes", "zstd_level"), int),
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
        return self._path("tar.zst")

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


def read_manifest(archive: Archive) -> dict[str, Any]:
    """The manifest, in agreement with the archive's name. Raises VerificationError."""
    manifest = read_inventory(archive.manifest, SCHEMA, _TYPES)
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
    return manifest
