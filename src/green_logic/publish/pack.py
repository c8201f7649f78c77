"""A pack: many small files in one tar of independent zstd frames, and an index by name (docs/decisions/0005).

    frame 0 … n-1   whole tar members, about FRAME_BYTES each before compression
    frame n         the member SHA256SUMS and the end of the tar
    skippable       the index: 16 bytes for each file, sorted: start of SHA-256(name), frame, offset of its tar header
    skippable       the seek table of the zstd seekable format 0.1.0: both sizes of every frame above

`tar --zstd -xf` and `zstd -d` read it from the start; `Pack.read` takes one file out of one frame.
"""

from __future__ import annotations

import bisect
import hashlib
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import zstandard

from green_logic.errors import VerificationError
from green_logic.publish.tarblocks import END, Member, parse_member, tar_blocks

FRAME_BYTES = 1 << 20  # before compression; about 100 DBOMs, 35 kB compressed, unpacked in a millisecond (measured)
FRAME_LIMIT = 256 << 20  # a reader refuses more; the list of digests is the largest frame, 110 bytes a file
LEVEL = 3  # 9 is 2 % smaller for twice the CPU, 19 4 % (measured on real DBOMs)
SUMS_NAME = "SHA256SUMS"
INDEX_MAGIC = 0x184D2A5B  # a skippable frame of the zstd format; the last four bits are free to choose
SEEK_MAGIC, SEEK_FOOTER_MAGIC = 0x184D2A5E, 0x8F92EAB1  # zstd seekable format 0.1.0
_ENTRY = struct.Struct(">8sII")  # key, frame, offset; big-endian, so that entries sort as bytes
_SKIPPABLE, _SIZES, _FOOTER = struct.Struct("<II"), struct.Struct("<II"), struct.Struct("<IBI")


@dataclass(frozen=True)
class PackSize:
    """What was written: files, their bytes, bytes of the pack, and the SHA-256 of pack and list of digests."""

    files: int
    content_bytes: int
    size_bytes: int
    sha256: str
    sums_sha256: str


def write_pack(out: BinaryIO, members: Iterable[Member]) -> PackSize:
    """Write a pack. The same members in the same order, under the same zstd version, give the same bytes.

    Neighbours compress each other: files that share much should stand side by side.
    """
    writer = _Writer(out)
    for member in members:
        writer.add(member)
    return writer.finish()


class _Writer:
    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True, write_content_size=True)
        self._pending = bytearray()
        self._sizes: list[tuple[int, int]] = []
        self._entries: list[bytes] = []
        self._sums: list[str] = []
        self._digest = hashlib.sha256()
        self._written = self._content_bytes = self._newest_s = 0

    def add(self, member: Member) -> None:
        blocks = tar_blocks(member)
        if self._pending and len(self._pending) + len(blocks) > FRAME_BYTES:
            self._end_frame()
        self._entries.append(_ENTRY.pack(_key(member.name), len(self._sizes), len(self._pending)))
        self._sums.append(_sum_line(member))
        self._content_bytes += len(member.data)
        self._newest_s = max(self._newest_s, member.modified_s)
        self._pending += blocks

    def finish(self) -> PackSize:
        if self._pending:
            self._end_frame()
        sums = _sums_text(self._sums)
        self._pending += tar_blocks(Member(SUMS_NAME, sums, self._newest_s)) + END
        self._end_frame()
        self._skippable(INDEX_MAGIC, b"".join(sorted(self._entries)), counted=True)
        table = b"".join(_SIZES.pack(*sizes) for sizes in self._sizes)
        self._skippable(SEEK_MAGIC, table + _FOOTER.pack(len(self._sizes), 0, SEEK_FOOTER_MAGIC), counted=False)
        return PackSize(
            files=len(self._entries),
            content_bytes=self._content_bytes,
            size_bytes=self._written,
            sha256=self._digest.hexdigest(),
            sums_sha256=hashlib.sha256(sums).hexdigest(),
        )

    def _end_frame(self) -> None:
        data = self._compressor.compress(bytes(self._pending))
        self._sizes.append((len(data), len(self._pending)))
        self._write(data)
        self._pending.clear()

    def _skippable(self, magic: int, content: bytes, *, counted: bool) -> None:
        data = _SKIPPABLE.pack(magic, len(content)) + content
        if counted:
            self._sizes.append((len(data), 0))
        self._write(data)

    def _write(self, data: bytes) -> None:
        self._out.write(data)
        self._digest.update(data)
        self._written += len(data)


class Pack:
    """A pack open for reading; `bytes_read` counts what came from the file. Use it in a with block."""

    def __init__(self, path: Path) -> None:
        """Raises VerificationError when the tables at the end are not those of a pack, OSError without a file."""
        self.path = path
        self.bytes_read = 0
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._sizes = self._read_seek_table()
            self._offsets = [0]
            for compressed, _ in self._sizes:
                self._offsets.append(self._offsets[-1] + compressed)
            self._index_start, self._entries = self._find_index()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Pack:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __len__(self) -> int:
        return self._entries

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def read(self, name: str) -> bytes | None:
        """Content of one file, None when the pack has no such name. Reads the index by halving, then one frame."""
        key = _key(name)
        place = bisect.bisect_left(range(self._entries), key, key=lambda number: self._entry(number)[0])
        while place < self._entries:
            found, frame, offset = self._entry(place)
            if found != key:
                return None
            member, _ = parse_member(self._frame(frame), offset)
            if member.name == name:
                return member.data
            place += 1  # another name with the same start of its digest
        return None

    def members(self) -> Iterator[Member]:
        """Every file in the order of the pack, all of it checked when the last one has been taken.

        Raises VerificationError for anything that `write_pack` would not have written around these files.
        """
        entries: list[bytes] = []
        sums: list[str] = []
        for number in range(len(self._sizes) - 2):
            tar, offset = self._frame(number), 0
            while offset < len(tar):
                member, following = parse_member(tar, offset)
                entries.append(_ENTRY.pack(_key(member.name), number, offset))
                sums.append(_sum_line(member))
                yield member
                offset = following
        self._check_end(sums)
        if b"".join(sorted(entries)) != self._read(self._index_start, self._entries * _ENTRY.size):
            raise self._damaged("the index does not fit the files")

    def _check_end(self, sums: list[str]) -> None:
        tar = self._frame(len(self._sizes) - 2)
        member, end = parse_member(tar, 0)
        if (member.name, member.data) != (SUMS_NAME, _sums_text(sums)) or tar[end:] != END:
            raise self._damaged(f"{SUMS_NAME} does not fit the files")

    def _read_seek_table(self) -> list[tuple[int, int]]:
        size = os.fstat(self._descriptor).st_size
        count, descriptor, magic = _FOOTER.unpack(self._read(size - _FOOTER.size, _FOOTER.size))
        length = count * _SIZES.size + _FOOTER.size
        if magic != SEEK_FOOTER_MAGIC or descriptor != 0 or not 2 <= count <= size // _SIZES.size:
            raise self._damaged("no seek table at its end")
        table = self._read(size - length - _SKIPPABLE.size, length + _SKIPPABLE.size - _FOOTER.size)
        sizes = list(_SIZES.iter_unpack(table[_SKIPPABLE.size :]))
        total = sum(compressed for compressed, _ in sizes) + length + _SKIPPABLE.size
        if table[: _SKIPPABLE.size] != _SKIPPABLE.pack(SEEK_MAGIC, length) or total != size:
            raise self._damaged("the seek table does not fit the file")
        return sizes

    def _find_index(self) -> tuple[int, int]:
        length, content = self._sizes[-1]
        start = self._offsets[-2]
        expected = _SKIPPABLE.pack(INDEX_MAGIC, max(0, length - _SKIPPABLE.size))
        if content or self._read(start, _SKIPPABLE.size) != expected or (length - _SKIPPABLE.size) % _ENTRY.size:
            raise self._damaged("no index before the seek table")
        return start + _SKIPPABLE.size, (length - _SKIPPABLE.size) // _ENTRY.size

    def _entry(self, number: int) -> tuple[bytes, int, int]:
        key, frame, offset = _ENTRY.unpack(self._read(self._index_start + number * _ENTRY.size, _ENTRY.size))
        return key, frame, offset

    def _frame(self, number: int) -> bytes:
        if not 0 <= number < len(self._sizes) - 1:
            raise self._damaged(f"the index names frame {number}")
        compressed, size = self._sizes[number]
        data = self._read(self._offsets[number], compressed)
        try:
            # the size that the frame itself claims decides how much memory is taken, so it is compared first
            if size > FRAME_LIMIT or zstandard.frame_content_size(data) != size:
                raise self._damaged(f"frame {number} is not of {size} bytes")
            return zstandard.ZstdDecompressor().decompress(data, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise self._damaged(f"frame {number}: {error}") from error

    def _read(self, offset: int, length: int) -> bytes:
        data = os.pread(self._descriptor, length, offset) if offset >= 0 else b""
        self.bytes_read += len(data)
        if len(data) != length:
            raise self._damaged("it ends too early")
        return data

    def _damaged(self, what: str) -> VerificationError:
        return VerificationError(f"{self.path.name}: {what}", kind="archive")


def _key(name: str) -> bytes:
    return hashlib.sha256(name.encode("ascii")).digest()[:8]


def _sum_line(member: Member) -> str:
    return f"{hashlib.sha256(member.data).hexdigest()}  {member.name}\n"


def _sums_text(lines: list[str]) -> bytes:
    # by name, as a person looks for one
    return "".join(sorted(lines, key=lambda line: line[66:])).encode("ascii")
