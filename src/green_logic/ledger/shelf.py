"""The folder of DBOM files: a file under its final name is whole, durable, and replaced only when no row owns it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from green_logic.files import TEMPORARY_PREFIX, make_directory, sync_directory, write_new_files
from green_logic.proof.dbom import Sealed

ARCHIVES_NAME = "archives"
_PRUNED = re.compile(r"(dboms-(\d{12})-(\d{12}))\.pruned")


def find_pruned(data_dir: Path) -> list[tuple[int, int]]:
    """First and last leaf of each archive that answers for its DBOM files: they may be absent from `dboms/`.

    Such an archive has its pack, its manifest (written last) and a mark; without one of them the files come back.
    """
    archives = data_dir / ARCHIVES_NAME
    names = {path.name for path in archives.iterdir()} if archives.is_dir() else set()
    marks = [found for found in map(_PRUNED.fullmatch, sorted(names)) if found]
    return [(int(found[2]), int(found[3])) for found in marks if {f"{found[1]}.tar.gz", f"{found[1]}.json"} <= names]


class DbomShelf:
    """`data/dboms/`. The caller holds the ledger's lock during every call that writes."""

    def __init__(self, directory: Path, set_aside: Path, *, group_sync: str) -> None:
        self.directory = directory
        self._set_aside = set_aside
        self._group_sync = group_sync
        self._durable: set[tuple[str, str]] = set()  # file and h_delta that this process made durable

    def put(self, battles: Sequence[Sealed]) -> None:
        """Make the DBOM of each of `battles` durable under its name. None of them has a row yet.

        A file of another seal is set aside: it belongs to a decision that was never committed.
        """
        missing: dict[str, bytes] = {}
        for sealed in battles:
            data = sealed.dbom_bytes()
            found = self.read(sealed.file_name)
            if found == data and (sealed.file_name, sealed.h_delta) in self._durable:
                continue
            if found is not None:
                self.set_aside([sealed.file_name])
            missing[sealed.file_name] = data
        if missing:
            write_new_files(self.directory, missing, group_sync=self._group_sync)
        self._durable.update((sealed.file_name, sealed.h_delta) for sealed in battles)

    def settle(self, battles: Iterable[Sealed]) -> None:
        """Forget what is committed."""
        self._durable.difference_update((sealed.file_name, sealed.h_delta) for sealed in battles)

    def read(self, name: str) -> bytes | None:
        """Content of a DBOM file, None when there is none; a pipe or a directory in its place holds nothing."""
        path = self.directory / name
        if not path.is_file():  # opening a pipe would wait for whoever writes to it
            return b"" if path.exists() else None
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None

    def names(self) -> set[str]:
        """Every DBOM file."""
        with os.scandir(self.directory) as entries:
            return {entry.name for entry in entries if entry.name.startswith("dbom_") and entry.name.endswith(".json")}

    def write(self, files: dict[str, bytes]) -> None:
        """Put files back that the ledger vouches for."""
        if files:
            write_new_files(self.directory, files, group_sync=self._group_sync)

    def set_aside(self, names: Iterable[str]) -> int:
        """Move files out of the folder, never deleting one; how many."""
        moved = 0
        for name in names:
            make_directory(self._set_aside)
            target, number = self._set_aside / name, 1
            while target.exists():
                number += 1
                target = self._set_aside / f"{name}.{number}"
            (self.directory / name).rename(target)
            moved += 1
        if moved:
            sync_directory(self._set_aside)
            sync_directory(self.directory)
        return moved

    def sweep(self) -> int:
        """Remove half-written files; only when no other writer is alive. How many."""
        leftovers = [entry for entry in self.directory.iterdir() if entry.name.startswith(TEMPORARY_PREFIX)]
        for entry in leftovers:
            entry.unlink()
        return len(leftovers)
