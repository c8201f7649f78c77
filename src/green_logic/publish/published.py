"""Which Parquet files count, for whoever reads them on this machine. Needs no Arrow."""

from __future__ import annotations

import os
from pathlib import Path

from green_logic.errors import ConfigurationError, VerificationError
from green_logic.files import storage_errors
from green_logic.publish.inventory import read_bounded
from green_logic.publish.manifest import READ_ATTEMPTS, VERSION_FOLDER, read_catalog
from green_logic.publish.store import PRODUCT, is_uri
from green_logic.settings import Settings


class Folder:
    """A directory of an export, as far as reading manifests asks for it; needs no Arrow, unlike a store."""

    def __init__(self, root: Path) -> None:
        self.address = str(root)
        self._root = root

    def names(self, folder: str) -> list[str]:
        """Names in a folder, sorted; none where there is no such folder."""
        directory = self._root / folder
        return sorted(path.name for path in directory.iterdir() if path.is_file()) if directory.is_dir() else []

    def read(self, name: str) -> bytes:
        """Content of a file. Raises FileNotFoundError."""
        return read_bounded(self._root / name)


def own_root(settings: Settings) -> Path:
    """Where the export of a data directory lies, unless it goes elsewhere."""
    return settings.data_dir / "exports" / PRODUCT


def find_roots(settings: Settings) -> tuple[Path, ...]:
    """Where exports may lie on this machine: in the data directory, and where `export_to` says. Never a bucket."""
    own, place = own_root(settings), settings.export_to
    if not place or is_uri(place):
        return (own,)
    other = Path(place).absolute() / PRODUCT
    return (own,) if os.path.realpath(other) == os.path.realpath(own) else (own, other)


def published_root(settings: Settings) -> Path:
    """Where exports go. Raises ConfigurationError when that is behind an address."""
    place = settings.export_to
    if is_uri(place):
        raise ConfigurationError(
            f"exports go to {place.partition('://')[0]}://…, but only those on this machine are read",
            hint="copy them to a directory and name that with GREEN_LOGIC_EXPORT_TO=DIR; empty, it is data/exports",
        )
    return Path(place) / PRODUCT if place else own_root(settings)


def published_files(settings: Settings) -> list[Path]:
    """The Parquet files that count where exports go, in the order of ids, whatever else lies there; empty before one.

    Raises VerificationError when a manifest is damaged or a file that it names is missing, ConfigurationError when
    exports go to a bucket. A compaction may remove files later, so ask again for each query.
    """
    root = published_root(settings)
    with storage_errors("cannot read the export"):
        return _find_files(root)


def _find_files(root: Path) -> list[Path]:
    for _ in range(READ_ATTEMPTS):  # a compaction may have moved on since the manifests were read
        files = [(root / VERSION_FOLDER / file.path, file) for file in read_catalog(Folder(root)).files]
        missing = [path for path, file in files if not path.is_file() or path.stat().st_size != file.size_bytes]
        if not missing:
            return [path for path, _ in files]
    raise VerificationError(
        f"{missing[0]}: a manifest names it, but it is missing or has another size",
        kind="export",
        hint="green-logic export --rebuild writes everything anew from the ledger",
    )
