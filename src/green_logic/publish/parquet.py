"""Record batches → Parquet files, one month a file, and the check that a file holds what it should."""

from __future__ import annotations

import contextlib
import hashlib
import io
import operator
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from green_logic.errors import VerificationError
from green_logic.files import make_directory
from green_logic.publish.columns import LABELS, SCHEMA, WITH_STATISTICS
from green_logic.publish.manifest import DataFile
from green_logic.publish.parts import CheckedPart, Part
from green_logic.publish.shape import integers, joined, texts

FILE_BYTES = 128 << 20  # compressed; a file is closed once it is larger. Also what a reader or an upload takes at once
# of real results, level 3 makes a fourteenth less in one and a half times the time, of seals and digests nothing less
ZSTD_LEVEL = 1
GROUP_BYTES = 16 << 20  # uncompressed, of what is gathered; all processes together then stay below 500 MB
CHECK_ROWS = 1024  # read back at once
SEALED = ("id", "raw_result", "dbom_hash")  # columns of which every value is looked at; the digest covers all bytes
BUFFER_BYTES = 1 << 20  # of a file that is read back; without, a whole row group is in memory twice
PAGE_BYTES = (
    1 << 20
)  # uncompressed; the window of zstd at level 1 is half of it, so that larger pages make nothing smaller
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  UTC, as all moments here


class _DigestedFile(io.FileIO):
    """A new file that knows the SHA-256 of what it was told to write, whatever the disk makes of it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "xb")
        self.digest = hashlib.sha256()

    def write(self, data: Any, /) -> int:
        written = super().write(data)
        self.digest.update(memoryview(data)[:written])
        return written


class PartWriter:
    """One open Parquet file. Batches are gathered until the caller makes a row group of them."""

    def __init__(self, path: Path, month: str) -> None:
        self.month = month
        self._path = path
        self._first = self._last = self._rows = 0
        self._gathered: list[pa.RecordBatch] = []
        self.gathered_bytes = 0
        self._raw = _DigestedFile(path)
        self._file = io.BufferedWriter(self._raw)
        self._writer = pq.ParquetWriter(
            self._file,
            SCHEMA,
            compression="zstd",
            compression_level=ZSTD_LEVEL,
            use_dictionary=list(LABELS),
            write_statistics=list(WITH_STATISTICS),
            write_page_index=True,
            write_page_checksum=True,
            data_page_size=PAGE_BYTES,
        )

    def write(self, rows: pa.RecordBatch) -> None:
        """Gather rows."""
        self._gathered.append(rows)
        self.gathered_bytes += rows.nbytes
        self._first = self._first or rows["id"][0].as_py()
        self._last = rows["id"][-1].as_py()
        self._rows += len(rows)

    @property
    def full(self) -> bool:
        """Whether the file is large enough to be closed."""
        return self._file.tell() >= FILE_BYTES

    def close(self) -> Part:
        """Write the footer; the file is whole after this, though not durable yet."""
        self.write_group()
        self._writer.close()
        self._file.close()
        return Part(self._path, self.month, self._first, self._last, self._rows, self._raw.digest.hexdigest())

    def write_group(self) -> None:
        """Make a row group of what was gathered."""
        if not self._gathered:
            return
        table = pa.Table.from_batches(self._gathered, SCHEMA).unify_dictionaries()
        self._writer.write_table(table, row_group_size=len(table))
        self._gathered.clear()
        self.gathered_bytes = 0

    def abandon(self) -> None:
        """Close without a footer and remove the file."""
        with contextlib.suppress(OSError):  # what could not be written is of no interest any more
            self._file.close()
        self._path.unlink(missing_ok=True)


def write_parts(batches: Iterable[pa.RecordBatch], spool: Path, names: Iterator[str]) -> Iterator[Part]:
    """Write batches in the contract's schema to files in `spool`, one month each, and yield each as it is finished.

    `names` are those of the files, one after the other; what is unfinished at an error is removed.
    """
    make_directory(spool)
    writers: dict[str, PartWriter] = {}
    try:
        for batch in batches:
            for month, rows in split_months(batch, "the export"):
                if month not in writers:
                    writers[month] = PartWriter(spool / next(names), month)
                _make_room(writers.values(), rows.nbytes)
                writers[month].write(rows)
                if writers[month].full:
                    yield _close(writers, month)
        for month in sorted(writers):
            yield _close(writers, month)
    finally:
        for writer in writers.values():
            writer.abandon()


def _make_room(writers: Collection[PartWriter], size: int) -> None:
    """Have the fullest files written, so that all together gather no more than one row group."""
    while (gathered := sum(writer.gathered_bytes for writer in writers)) and gathered + size > GROUP_BYTES:
        max(writers, key=lambda writer: writer.gathered_bytes).write_group()


def _close(writers: dict[str, PartWriter], month: str) -> Part:
    part = writers[month].close()  # the disk may be full only now: until it is whole, it is among the unfinished
    del writers[month]
    return part


def split_months(batch: pa.RecordBatch, name: str) -> list[tuple[str, pa.RecordBatch]]:
    """The rows of each UTC month, `YYYY-MM`, in the order of months; nearly always one month.

    Raises VerificationError for a month that no calendar has, in what is called `name`.
    """
    moments = integers(batch["timestamp"])
    try:
        first, last = _month(min(moments)), _month(max(moments))
    except OverflowError as error:
        raise _wrong(name, f"a timestamp is out of range: {error}") from error
    if first == last:
        return [(first, batch)]
    months = [_month(moment) for moment in moments]
    return [(month, batch.filter(pa.array([one == month for one in months]))) for month in sorted(set(months))]


def _month(moment: int) -> str:
    return (_EPOCH + timedelta(microseconds=moment)).isoformat()[: len("YYYY-MM")]


def check_part(part: Part, ending: str) -> CheckedPart:
    """Read a part back, see check_file. `ending` is that of its published name."""
    name = part.name(ending)
    file = check_file(part.path, name, first=part.first, last=part.last, rows=part.rows, sha256=part.sha256)
    return CheckedPart(part.path, file)


def check_file(path: Path, name: str, *, first: int, last: int, rows: int, sha256: str) -> DataFile:
    """Read a whole file back from the disk, and describe it under its published `name`.

    Checked: the digest of all bytes, the schema, the number of rows, rising ids within the range, and
    `sha256(raw_result) == dbom_hash` for every row. Other columns are not decoded. Raises VerificationError.
    """
    digest = _file_digest(path)
    if digest != sha256:
        raise _wrong(name, f"expected SHA-256 {sha256[:16]}…, got {digest[:16]}…")
    try:
        # pre_buffer would hold the whole file in memory; the checksums of pages are in the digest
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER_BYTES) as file:
            if not file.schema_arrow.equals(SCHEMA):
                raise _wrong(name, "its columns are not those of the contract")
            found = begin = previous = 0
            for batch in file.iter_batches(batch_size=CHECK_ROWS, columns=list(SEALED), use_threads=False):
                first_id, last_id = _check_rows(batch, name)
                if first_id <= previous:
                    raise _wrong(name, f"id {first_id} follows {previous}")
                found, previous, begin = found + len(batch), last_id, begin or first_id
    except (OSError, pa.ArrowException) as error:
        raise _wrong(name, str(error)) from error
    if (found, begin, previous) != (rows, first, last):
        raise _wrong(name, f"expected {rows} rows {first}-{last}, got {found} rows {begin}-{previous}")
    return DataFile(name, first, last, rows, path.stat().st_size, digest)


def _check_rows(batch: pa.RecordBatch, name: str) -> tuple[int, int]:
    """First and last id of rows that are what was sealed."""
    ids = integers(batch["id"])
    if not all(map(operator.lt, ids, ids[1:])):
        raise _wrong(name, "ids do not rise")
    found = [hashlib.sha256(result).hexdigest() for result in texts(batch["raw_result"])]
    if "".join(found).encode() != joined(batch["dbom_hash"]):
        expected = batch["dbom_hash"].to_pylist()
        row = next(row for row, pair in enumerate(zip(found, expected, strict=True)) if pair[0] != pair[1])
        raise _wrong(name, f"row {ids[row]}: raw_result does not hash to dbom_hash")
    return ids[0], ids[-1]


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _wrong(name: str, what: str) -> VerificationError:
    return VerificationError(f"{name}: {what}", kind="export", hint="green-logic export --rebuild writes it anew")
