"""A zip of somebody else's, read member by member within bounds; nothing is ever unpacked to a file.

The standard library's zipfile reads the directory. Members come stored, deflated, or packed with zstd (method 93),
which the standard library of Python 3.11 cannot unpack and Inspect AI writes. What a member claims about its size is
checked, and what comes out is counted: a bomb ends at the limit, not at the end of memory.
"""

from __future__ import annotations

import contextlib
import hashlib
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import zstandard

from green_logic.errors import InvalidBattleError

ZSTD = 93  # compression method of APPNOTE 6.3.7
METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, ZSTD})
DIRECTORY_LIMIT = 256 << 20  # bytes of the list of members; a million samples need 100 MB
WINDOW_LIMIT = 128 << 20  # bytes that one zstd frame may ask us to keep; the strongest usual level asks for that
TAIL = 65_557  # bytes; the end record with the longest comment
LOCAL_HEADER = 30  # bytes, then name and extra field
ENCRYPTED = 0x1
END_RECORD, END_RECORD_64 = b"PK\x05\x06", b"PK\x06\x06"


@dataclass(frozen=True)
class Member:
    """One file of a zip; `size_bytes` is what it claims to unpack to."""

    name: str
    size_bytes: int
    info: zipfile.ZipInfo


class ZipMembers:
    """An open zip. Use `open_zip`."""

    def __init__(self, archive: zipfile.ZipFile, file: IO[bytes]) -> None:
        self._archive = archive
        self._file = file
        counts = Counter(archive.namelist())
        self.repeated = frozenset(name for name, count in counts.items() if count > 1)

    def __iter__(self) -> Iterator[Member]:
        for info in self._archive.infolist():
            yield Member(info.filename, info.file_size, info)

    def find(self, name: str) -> Member | None:
        """The member of a name; None when there is none or more than one."""
        if name in self.repeated or name not in self._archive.NameToInfo:
            return None
        info = self._archive.getinfo(name)
        return Member(name, info.file_size, info)

    def read(self, member: Member, *, limit_bytes: int) -> bytes:
        """What a member unpacks to. Raises InvalidBattleError when it is damaged, too big or packed in another way."""
        info = member.info
        _check_member(member, limit_bytes)
        try:
            if info.compress_type == ZSTD:
                data = self._read_zstd(info, limit_bytes)
            else:
                with self._archive.open(info) as stream:
                    data = stream.read(limit_bytes + 1)
        except (zipfile.BadZipFile, zlib.error, zstandard.ZstdError, EOFError, OSError, struct.error) as error:
            raise InvalidBattleError(f"{member.name}: damaged: {error}") from error
        except (NotImplementedError, RuntimeError) as error:
            raise InvalidBattleError(f"{member.name}: cannot be unpacked: {error}") from error
        if len(data) != member.size_bytes:
            raise InvalidBattleError(f"{member.name}: expected {member.size_bytes} bytes, got {len(data)} or more")
        return data

    def _read_zstd(self, info: zipfile.ZipInfo, limit_bytes: int) -> bytes:
        self._file.seek(info.header_offset)
        header = self._file.read(LOCAL_HEADER)
        # the local header's extra field may be longer or shorter than the directory's
        name_size, extra_size = struct.unpack("<HH", header[26:30])
        self._file.seek(name_size + extra_size, 1)
        packed = cast("IO[bytes]", _Slice(self._file, info.compress_size))  # all that is asked of it is `read`
        reader = zstandard.ZstdDecompressor(max_window_size=WINDOW_LIMIT).stream_reader(packed, read_across_frames=True)
        parts, size = [], 0
        while size <= limit_bytes and (part := reader.read(min(1 << 20, limit_bytes + 1 - size))):
            parts.append(part)
            size += len(part)
        data = b"".join(parts)
        if len(data) == info.file_size and zlib.crc32(data) != info.CRC:
            raise zipfile.BadZipFile("bad CRC-32")
        return data


class _Slice:
    """The next bytes of a file and no more; what a decompressor reads from."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._file.read(wanted)
        self._left -= len(data)
        return data


@contextlib.contextmanager
def open_zip(path: Path, name: str) -> Iterator[ZipMembers]:
    """A zip for reading. Raises InvalidBattleError when it is none, is cut short, or lists too much."""
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            _check_directory(file, name)
            archive = stack.enter_context(zipfile.ZipFile(file))
            _check_overlap(archive, path.stat().st_size, name)
        except OSError as error:
            raise InvalidBattleError(f"{name}: cannot be read: {error.strerror or error}") from error
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
            raise InvalidBattleError(f"{name}: not a whole zip file: {error}") from error
        yield ZipMembers(archive, file)


def find_digest(data: bytes) -> str:
    """SHA-256 of a member's bytes."""
    return hashlib.sha256(data).hexdigest()


def _check_directory(file: IO[bytes], name: str) -> None:
    """Refuse a list of members that would not fit into memory, before zipfile reads it whole."""
    file.seek(0, 2)
    file.seek(max(0, file.tell() - TAIL - 100))  # the 64-bit record lies just before
    tail = file.read()
    sizes: list[int] = []
    if (at := tail.rfind(END_RECORD)) >= 0 and len(tail) >= at + 16:
        sizes += struct.unpack_from("<L", tail, at + 12)
    if (at := tail.rfind(END_RECORD_64)) >= 0 and len(tail) >= at + 48:
        sizes += struct.unpack_from("<Q", tail, at + 40)
    size = max((size for size in sizes if size != 0xFFFFFFFF), default=0)
    if size > DIRECTORY_LIMIT:
        raise InvalidBattleError(f"{name}: expected a list of members of at most {DIRECTORY_LIMIT} bytes, got {size}")
    file.seek(0)


def _check_overlap(archive: zipfile.ZipFile, size_bytes: int, name: str) -> None:
    # members that share their packed bytes make ten megabytes out to be terabytes
    packed = sum(info.compress_size for info in archive.infolist())
    if packed > size_bytes:
        raise InvalidBattleError(f"{name}: its members claim {packed} packed bytes, the file has {size_bytes}")


def _check_member(member: Member, limit_bytes: int) -> None:
    info = member.info
    if info.flag_bits & ENCRYPTED:
        raise InvalidBattleError(f"{member.name}: encrypted")
    if info.compress_type not in METHODS:
        raise InvalidBattleError(
            f"{member.name}: packed with method {info.compress_type}, expected stored, deflate or zstd"
        )
    if member.size_bytes > limit_bytes:
        raise InvalidBattleError(f"{member.name}: expected at most {limit_bytes} bytes, got {member.size_bytes}")
