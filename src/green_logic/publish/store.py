"""Where publications go: a directory, or a bucket (see remote.py). Published files are never overwritten.

Names are relative, with `/`. A directory gets its files through `green_logic.files`: durable, create-only, atomic.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from green_logic.errors import ConfigurationError, StorageError
from green_logic.files import make_directory, rename_new, sync_directory, sync_file, write_file, write_new_files
from green_logic.publish.inventory import file_digest
from green_logic.settings import Settings

ARROW_SCHEMES = frozenset({"abfs", "abfss", "file", "gcs", "gs", "hdfs", "s3", "viewfs"})  # of pyarrow.fs
BUCKETS = ARROW_SCHEMES - {"file", "hdfs", "viewfs"}  # those whose addresses begin with a bucket
CLOSED = "cannot be written by this user"  # so an owner is to be asked
PRODUCT = "battles"  # the folder of the Parquet export under the destination


def accept_any(_sha256: str) -> None:
    """Any bytes may be copied."""


class Store(Protocol):
    """A place for published files."""

    address: str
    spool: Path  # local directory for files that are being made; what lies in it counts for nothing

    @property
    def create_only(self) -> bool:
        """Whether the place itself refuses to create a name twice, whoever tries; else the name was only looked up."""
        ...

    def names(self, folder: str) -> list[str]:
        """Names in a folder, sorted, without folders; none where there is no such folder."""
        ...

    def walk(self) -> dict[str, int]:
        """Size in bytes of every file under the root, by name; without those in the spool."""
        ...

    def marks(self) -> dict[str, str]:
        """Size and time of the last change of every file under the root, by name: together, whether it was touched."""
        ...

    def read(self, name: str) -> bytes:
        """Content of a small file. Raises FileNotFoundError."""
        ...

    def size(self, name: str) -> int | None:
        """Bytes of a file; None when there is none."""
        ...

    def publish_file(self, source: Path, name: str) -> None:
        """Move a finished local file to its name, durable and whole. Raises FileExistsError."""
        ...

    def publish_copy(self, source: Path, name: str, check: Callable[[str], None] = accept_any) -> None:
        """Copy a finished local file to its name, durable and whole, once `check` has seen the SHA-256 of what is
        copied. Raises FileExistsError, and what `check` raises.
        """
        ...

    def publish_bytes(self, name: str, data: bytes) -> None:
        """Write a new small file, durable and whole. Raises FileExistsError."""
        ...

    def replace(self, name: str, data: bytes) -> None:
        """Write a small file that may exist; only for texts that explain the data."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file that counts no more."""
        ...

    def local(self, name: str) -> contextlib.AbstractContextManager[Path]:
        """A local file with the content of a published one; a copy may be removed afterwards."""
        ...

    def abandoned(self, name: str) -> bool:
        """Whether a file that no manifest names is a leftover, and not what somebody else is about to name."""
        ...

    def settle(self) -> None:
        """Forget which files this ledger was about to name: all of them are named, or removed."""
        ...


def is_uri(place: str | Path | None) -> bool:
    """Whether a place is an address such as `s3://bucket/prefix`, and not a path."""
    return "://" in str(place)


def check_place(name: str, place: str) -> None:
    """Raises ConfigurationError for an address without its bucket, or of a kind that neither pyarrow nor fsspec knows.

    Asks nobody else.
    """
    if not is_uri(place):
        return
    expected = f"{name} expected a directory or an address such as s3://bucket/prefix"
    scheme, _, rest = place.partition("://")
    if scheme in BUCKETS and rest[:1] in {"", "/", "?"}:
        raise ConfigurationError(f"{expected}, got {scheme}:// without a bucket", hint=f"give {scheme}://BUCKET/PREFIX")
    if scheme in ARROW_SCHEMES:
        return
    with contextlib.suppress(ImportError):
        from fsspec import available_protocols  # type: ignore[import-untyped]  # noqa: PLC0415  an extra

        if scheme in available_protocols():
            return
    raise ConfigurationError(
        f"{expected}, got one that begins with {scheme}://",
        hint=f"pyarrow knows {', '.join(sorted(ARROW_SCHEMES))}, and the package fsspec more",
    )


def find_closed(place: Path) -> str:
    """Why nothing can be written to a directory that may still have to be made, in words; empty where it can."""
    nearest = next(path for path in (place.absolute(), *place.absolute().parents) if path.exists())
    if not nearest.is_dir():
        return f"{nearest} is no directory"
    if os.statvfs(nearest).f_flag & os.ST_RDONLY:
        return f"{nearest} is on a read-only file system"
    return "" if os.access(nearest, os.W_OK | os.X_OK) else f"{nearest} {CLOSED}"


def check_open(place: Path, what: str, flag: str) -> None:
    """Raises StorageError, which names `what` fails and the `flag` to change, where nothing can be written."""
    if why := find_closed(place):
        ways = "give this user write permission, or " if why.endswith(CLOSED) else ""
        raise StorageError(f"{what}: {why}", hint=f"{ways}choose another {flag}")


def open_store(settings: Settings, destination: str | Path | None, product: str = PRODUCT) -> Store:
    """The store at the folder `product` of a local path or a URI; None: of `exports/` in the data directory.

    Raises ConfigurationError for an address that neither pyarrow nor fsspec knows.
    """
    if destination is None or not is_uri(destination):
        return LocalStore((Path(destination) if destination else settings.data_dir / "exports") / product)
    check_place("the destination", str(destination))
    from green_logic.publish.remote import open_remote  # noqa: PLC0415  pyarrow loads in a second; a path needs none

    found = open_remote(str(destination), product, settings.spool / "export")
    return LocalStore(found) if isinstance(found, Path) else found


def mark_of(path: Path) -> str:
    """Size and time of the last change of a file on this machine; a rename or a copy of it counts as a change."""
    found = path.stat()
    return f"{found.st_size} {found.st_ctime_ns}"


class LocalStore:
    """A directory on this machine."""

    create_only = True  # a link to an existing name fails

    def __init__(self, root: Path) -> None:
        self.root = root
        self.address = str(root)
        # on the same file system, so that a rename publishes; readers skip names that begin with `_`
        self.spool = root / "_spool"

    def names(self, folder: str) -> list[str]:
        """See Store."""
        directory = self.root / folder
        return sorted(path.name for path in directory.iterdir() if path.is_file()) if directory.is_dir() else []

    def walk(self) -> dict[str, int]:
        """See Store."""
        return {path.relative_to(self.root).as_posix(): path.stat().st_size for path in self._files()}

    def marks(self) -> dict[str, str]:
        """See Store."""
        return {path.relative_to(self.root).as_posix(): mark_of(path) for path in self._files()}

    def read(self, name: str) -> bytes:
        """See Store."""
        return (self.root / name).read_bytes()

    def size(self, name: str) -> int | None:
        """See Store."""
        path = self.root / name
        return path.stat().st_size if path.is_file() else None

    def publish_file(self, source: Path, name: str) -> None:
        """See Store."""
        target = self.root / name
        make_directory(target.parent)
        sync_file(source)
        rename_new(source, target)
        sync_directory(target.parent)

    def publish_copy(self, source: Path, name: str, check: Callable[[str], None] = accept_any) -> None:
        """See Store."""
        make_directory(self.spool)
        copy = self.spool / f"copy-{source.name}"
        try:
            shutil.copyfile(source, copy)
            check(file_digest(copy))
            self.publish_file(copy, name)
        finally:
            copy.unlink(missing_ok=True)

    def publish_bytes(self, name: str, data: bytes) -> None:
        """See Store."""
        target = self.root / name
        make_directory(target.parent)
        write_new_files(target.parent, {target.name: data})

    def replace(self, name: str, data: bytes) -> None:
        """See Store."""
        make_directory((self.root / name).parent)
        write_file(self.root / name, data)

    def remove(self, name: str) -> None:
        """See Store."""
        (self.root / name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """See Store."""
        yield self.root / name

    def abandoned(self, name: str) -> bool:
        """See Store."""
        return True  # the lock of the ledger keeps others out

    def settle(self) -> None:
        """See Store."""

    def _files(self) -> list[Path]:
        return sorted(path for path in self.root.rglob("*") if path.is_file() and path.parent != self.spool)
