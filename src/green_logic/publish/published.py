"""Which Parquet files count, for whoever reads them on this machine. Needs no Arrow."""

from __future__ import annotations

from pathlib import Path

from green_logic.errors import VerificationError
from green_logic.files import storage_errors
from green_logic.publish.inventory import read_bounded
from green_logic.publish.manifest import READ_ATTEMPTS, VERSION_FOLDER, read_catalog
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


def published_files(settings: Settings) -> list[Path]:
    """The Parquet files that count, in the order of ids, whatever else lies in the directory; empty before an export.

    Raises VerificationError when a manifest is damaged or a file that it names is missing. A compaction may remove
    files later, so ask again for each query.
    """
    root = settings.data_dir / "exports" / "battles"
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
