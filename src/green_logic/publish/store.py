"""Where an export goes: a directory, or a bucket behind pyarrow's file systems. Published files are never overwritten.

Names are relative, with `/`. A directory gets its files through `green_logic.files` (durable, create-only, atomic). An
object store shows an object whole or not at all; pyarrow has no conditional put, so there create-only means that the
name is looked up just before, under the export lock: it holds against this ledger's exports, not against a stranger's.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Protocol

import pyarrow as pa
from pyarrow import fs

from green_logic.errors import ConfigurationError, StorageError
from green_logic.files import make_directory, rename_new, sync_directory, sync_file, write_file, write_new_files
from green_logic.settings import Settings

CHUNK = 4 << 20  # bytes copied at once
PRODUCT = "battles"  # the folder of this export under the destination


class Store(Protocol):
    """A place for published files."""

    address: str
    spool: Path  # local directory for files that are being made; what lies in it counts for nothing

    def names(self, folder: str) -> list[str]:
        """Names in a folder, sorted, without folders; none where there is no such folder."""
        ...

    def walk(self) -> dict[str, int]:
        """Size in bytes of every file under the root, by name; without those in the spool."""
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


def open_store(settings: Settings, destination: str | Path | None) -> Store:
    """The store at a local path or a URI (`s3://bucket/prefix`); None: `exports/` in the data directory.

    Raises ConfigurationError for an address that pyarrow does not know.
    """
    if destination is None or "://" not in str(destination):
        return LocalStore((Path(destination) if destination else settings.data_dir / "exports") / PRODUCT)
    try:
        system, path = fs.FileSystem.from_uri(str(destination))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise ConfigurationError(
            f"{destination}: not a place to export to: {error}", hint="give a path or a URI such as s3://bucket/prefix"
        ) from error
    if isinstance(system, fs.LocalFileSystem):
        return LocalStore(Path(path) / PRODUCT)
    return RemoteStore(system, f"{path.rstrip('/')}/{PRODUCT}", str(destination), settings.spool / "export")


class LocalStore:
    """A directory on this machine."""

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
        found = (path for path in self.root.rglob("*") if path.is_file() and path.parent != self.spool)
        return {path.relative_to(self.root).as_posix(): path.stat().st_size for path in sorted(found)}

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


class RemoteStore:
    """A prefix of an object store."""

    def __init__(self, system: fs.FileSystem, root: str, address: str, spool: Path) -> None:
        self._system = system
        self._root = root
        self.address = f"{address.rstrip('/')}/{PRODUCT}"
        self.spool = spool

    def names(self, folder: str) -> list[str]:
        """See Store."""
        found = self._select(f"{self._root}/{folder}", recursive=False)
        return sorted(item.base_name for item in found if item.type == fs.FileType.File)

    def walk(self) -> dict[str, int]:
        """See Store."""
        found = sorted(self._select(self._root, recursive=True), key=lambda item: item.path)
        files = (item for item in found if item.type == fs.FileType.File)
        return {item.path.removeprefix(f"{self._root}/"): item.size for item in files}

    def read(self, name: str) -> bytes:
        """See Store."""
        with self._errors(), self._system.open_input_stream(self._path(name)) as stream:
            return bytes(stream.read())

    def size(self, name: str) -> int | None:
        """See Store."""
        with self._errors():
            found = self._system.get_file_info(self._path(name))
        return found.size if found.type == fs.FileType.File else None

    def publish_file(self, source: Path, name: str) -> None:
        """See Store."""
        self._refuse_existing(name)
        sent = hashlib.sha256()
        with self._errors(), source.open("rb") as file, self._system.open_output_stream(self._path(name)) as stream:
            while chunk := file.read(CHUNK):
                sent.update(chunk)
                stream.write(chunk)
        # read back: an upload counts when the store gives the same bytes again
        if self._digest(name) != sent.hexdigest():
            raise StorageError(f"{self.address}/{name}: the store holds other bytes than were sent")
        source.unlink()

    def publish_bytes(self, name: str, data: bytes) -> None:
        """See Store."""
        self._refuse_existing(name)
        self.replace(name, data)

    def replace(self, name: str, data: bytes) -> None:
        """See Store."""
        with self._errors(), self._system.open_output_stream(self._path(name)) as stream:
            stream.write(data)

    def remove(self, name: str) -> None:
        """See Store."""
        with self._errors(), contextlib.suppress(FileNotFoundError):
            self._system.delete_file(self._path(name))

    @contextlib.contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """See Store."""
        make_directory(self.spool)
        copy = self.spool / f"copy-{PurePosixPath(name).name}"
        try:
            with self._errors(), self._system.open_input_stream(self._path(name)) as stream, copy.open("wb") as file:
                while chunk := stream.read(CHUNK):
                    file.write(chunk)
            yield copy
        finally:
            copy.unlink(missing_ok=True)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _select(self, path: str, *, recursive: bool) -> list[fs.FileInfo]:
        selector = fs.FileSelector(path, allow_not_found=True, recursive=recursive)
        with self._errors():
            return list(self._system.get_file_info(selector))

    def _refuse_existing(self, name: str) -> None:
        if self.size(name) is not None:
            raise FileExistsError(f"{self.address}/{name} exists")

    def _digest(self, name: str) -> str:
        digest = hashlib.sha256()
        with self._errors(), self._system.open_input_stream(self._path(name)) as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            hint = "nothing was published: run the same command again"
            raise StorageError(f"{self.address}: {error}", hint=hint) from error
