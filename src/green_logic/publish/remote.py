"""A prefix of an object store: read through pyarrow's file systems, or fsspec's; create-only puts where it has them.

An object appears whole or not at all. At S3 a file is created with `If-None-Match: *` (see conditional.py), so that the
store refuses the second of two exporters. Elsewhere the name is looked up just before: that holds against this ledger,
whose lock is held, and `create_only` says that it does not hold against a stranger.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from green_logic.errors import ConfigurationError, StorageError
from green_logic.files import make_directory, write_file
from green_logic.publish.conditional import ConditionalPuts, find_puts, store_error
from green_logic.publish.store import accept_any

CHUNK = 4 << 20  # bytes copied at once
ABANDONED_S = 24 * 3600.0  # an upload that no manifest named in a day has nobody who will


def open_remote(destination: str, product: str, spool: Path) -> RemoteStore | Path:
    """The store at the folder `product` of a URI; a path when the URI is of this machine. Raises ConfigurationError."""
    try:
        system, path = fs.FileSystem.from_uri(destination)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        system, path = _open_with_fsspec(destination, error)
    root = "/".join(part for part in (path.rstrip("/"), product) if part)
    if isinstance(system, fs.LocalFileSystem):
        return Path(root)
    place = urlsplit(destination)
    # without what may be a secret: keys in front of the host, options after the question mark
    address = f"{place.scheme}://{place.netloc.rpartition('@')[2]}{place.path}".rstrip("/")
    address = f"{address}/{product}" if product else address
    return RemoteStore(system, root, address, spool, find_puts(destination))


def _open_with_fsspec(destination: str, reason: Exception) -> tuple[fs.FileSystem, str]:
    try:
        # only for addresses that pyarrow does not know
        from fsspec.core import url_to_fs  # type: ignore[import-untyped]  # noqa: PLC0415

        system, path = url_to_fs(destination)
    except (ImportError, ValueError) as error:
        raise ConfigurationError(
            f"{destination.partition('?')[0]}: not a place to publish to: {reason}; {error}",
            hint="give a path or a URI such as s3://bucket/prefix",
        ) from error
    return fs.PyFileSystem(fs.FSSpecHandler(system)), str(path)


class RemoteStore:
    """A folder of an object store. `puts` are its create-only puts, if it has any."""

    def __init__(
        self, system: fs.FileSystem, root: str, address: str, spool: Path, puts: ConditionalPuts | None
    ) -> None:
        self._system = system
        self._root = root
        self._puts = puts
        self.address = address
        self.spool = spool
        # names that this ledger uploaded and no manifest names yet; another ledger's must not be taken for leftovers
        self._journal = spool / f"uploads-{hashlib.sha256(address.encode()).hexdigest()[:16]}"
        self._pending = set(self._journal.read_text(encoding="utf-8").split()) if self._journal.is_file() else set()

    @property
    def create_only(self) -> bool:
        """See Store."""
        return self._puts is not None and self._puts.honoured

    def names(self, folder: str) -> list[str]:
        """See Store."""
        found = self._select(self._path(folder), recursive=False)
        return sorted(item.base_name for item in found if item.type == fs.FileType.File)

    def walk(self) -> dict[str, int]:
        """See Store."""
        return {name: item.size for name, item in self._files()}

    def marks(self) -> dict[str, str]:
        """See Store."""
        return {name: f"{item.size} {item.mtime_ns}" for name, item in self._files()}

    def read(self, name: str) -> bytes:
        """See Store."""
        with self._errors(), self._system.open_input_stream(self._path(name), compression=None) as stream:
            return bytes(stream.read())

    def size(self, name: str) -> int | None:
        """See Store."""
        found = self._info(name)
        return found.size if found.type == fs.FileType.File else None

    def publish_file(self, source: Path, name: str) -> None:
        """See Store."""
        self.publish_copy(source, name)
        source.unlink()

    def publish_copy(self, source: Path, name: str, check: Callable[[str], None] = accept_any) -> None:
        """See Store."""
        with source.open("rb") as file:
            sent = hashlib.file_digest(file, "sha256").hexdigest()
            check(sent)
            file.seek(0)
            self._create(name, file, sent)
        # read back: an upload counts when the store gives the same bytes again
        if self._digest(name) != sent:
            raise StorageError(f"{self.address}/{name}: the store holds other bytes than were sent")

    def publish_bytes(self, name: str, data: bytes) -> None:
        """See Store."""
        self._create(name, io.BytesIO(data), hashlib.sha256(data).hexdigest())
        if self._puts is not None:
            with self._errors():
                # small files come last, one a run: a store that ignores the condition is found out by one of them
                self._puts.check_honoured(self._path(name), data)

    def replace(self, name: str, data: bytes) -> None:
        """See Store."""
        with self._errors(), self._system.open_output_stream(self._path(name), compression=None) as stream:
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
            self.fetch(name, copy)
            yield copy
        finally:
            copy.unlink(missing_ok=True)

    def fetch(self, name: str, target: Path) -> None:
        """Copy a published file to a local one. Raises FileNotFoundError."""
        with (
            self._errors(),
            self._system.open_input_stream(self._path(name), compression=None) as stream,
            target.open("wb") as file,
        ):
            while chunk := stream.read(CHUNK):
                file.write(chunk)

    def abandoned(self, name: str) -> bool:
        """See Store."""
        if name in self._pending:
            return True
        modified = self._info(name).mtime_ns
        return modified is not None and time.time() - modified / 1e9 > ABANDONED_S

    def settle(self) -> None:
        """See Store."""
        self._pending.clear()
        self._journal.unlink(missing_ok=True)
        if self._puts is not None:
            with contextlib.suppress(OSError):  # it takes a right of its own, and can wait for the next run
                self._puts.abort_stale(self._root, ABANDONED_S)

    def _create(self, name: str, content: BinaryIO, digest: str) -> None:
        self._remember({*self._pending, name})
        try:
            if self._puts is not None and self._puts.honoured:
                self._put_if_absent(self._puts, name, content, digest)
            if not self.create_only:
                self._put_unless_there(name, content)
        except FileExistsError:
            self._remember(self._pending - {name})
            raise

    def _put_if_absent(self, puts: ConditionalPuts, name: str, content: BinaryIO, digest: str) -> None:
        if not puts.checked and self.size(name) is not None:  # a store that ignores the condition would overwrite it
            raise FileExistsError(f"{self.address}/{name} exists")
        with self._errors():
            answer_lost = puts.create(self._path(name), content)
        # an earlier attempt may have succeeded without our hearing of it: then it is ours, and has our bytes
        if answer_lost and self._digest(name) != digest:
            raise FileExistsError(f"{self.address}/{name} exists")

    def _put_unless_there(self, name: str, content: BinaryIO) -> None:
        if self.size(name) is not None:
            raise FileExistsError(f"{self.address}/{name} exists")
        content.seek(0)
        with self._errors(), self._system.open_output_stream(self._path(name), compression=None) as stream:
            while chunk := content.read(CHUNK):
                stream.write(chunk)

    def _remember(self, pending: set[str]) -> None:
        self._pending = pending
        make_directory(self.spool)
        write_file(self._journal, "\n".join(sorted(pending)).encode())

    def _files(self) -> Iterator[tuple[str, fs.FileInfo]]:
        for item in sorted(self._select(self._root, recursive=True), key=lambda item: item.path):
            if item.type == fs.FileType.File:
                yield item.path.removeprefix(f"{self._root}/"), item

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _info(self, name: str) -> fs.FileInfo:
        with self._errors():
            return self._system.get_file_info(self._path(name))

    def _select(self, path: str, *, recursive: bool) -> list[fs.FileInfo]:
        selector = fs.FileSelector(path, allow_not_found=True, recursive=recursive)
        with self._errors():
            return list(self._system.get_file_info(selector))

    def _digest(self, name: str) -> str:
        digest = hashlib.sha256()
        with self._errors(), self._system.open_input_stream(self._path(name), compression=None) as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, FileExistsError):
            raise
        except OSError as error:
            raise store_error(self.address, error) from error
