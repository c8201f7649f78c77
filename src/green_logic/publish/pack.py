"""A pack: many small files in one `.tar.gz` of independent gzip members (docs/decisions/0005).

    block 0 … n-1   a gzip member each, with whole tar members, about BLOCK_BYTES before compression
    block n         the tar member SHA256SUMS, its lines in the order of the log, and the end of the tar

`tar -xzf`, `gunzip` and every language's gzip read it from the start. Where the blocks begin, and in which one each
file stands, is written elsewhere (`Layout`, in the manifest of an archive), so that one file comes out of one block and
no byte of the pack belongs to nothing.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from green_logic.errors import VerificationError
from green_logic.publish.blocks import BLOCK_LIMIT, HEADER, Listing, blocks_of
from green_logic.publish.tarblocks import END, Member, find_member, parse_member, tar_blocks

BLOCK_BYTES = 2 << 20  # before compression; about 200 DBOMs, 90 kB compressed, unpacked in 1.5 ms (measured)
LEVEL = 9  # of zlib; 6 is 2 % larger for two thirds of the CPU, 1 twice as large (measured)
SUMS_NAME = "SHA256SUMS"
_TRAILER = struct.Struct("<II")  # CRC-32 and length of the content
READ_BYTES = 1 << 18  # at once, where the size of a block is not known
PLACE = "H"  # 16 bits: a pack has at most 65,536 files


@dataclass(frozen=True)
class Layout:
    """Where things are in a pack: bytes of each block, and for each file, in the order of the log, its block."""

    blocks: tuple[int, ...]
    places: tuple[int, ...]

    def pack_places(self) -> bytes:
        """The places as little-endian 16-bit numbers."""
        return struct.pack(f"<{len(self.places)}{PLACE}", *self.places)


def unpack_places(data: bytes) -> tuple[int, ...]:
    """What `pack_places` packed. Raises ValueError."""
    if len(data) % 2:
        raise ValueError("expected an even number of bytes")
    return struct.unpack(f"<{len(data) // 2}{PLACE}", data)


@dataclass(frozen=True)
class PackSize:
    """What was written: files, their bytes, bytes of the pack, SHA-256 of pack and list of digests, and the layout."""

    files: int
    content_bytes: int
    size_bytes: int
    sha256: str
    sums_sha256: str
    layout: Layout


def write_pack(out: BinaryIO, members: Iterable[Member], log: Sequence[str]) -> PackSize:
    """Write a pack. The same members in the same order, under the same zlib version, give the same bytes.

    Neighbours compress each other: files that share much should stand side by side. `log` has every name once, in the
    order that SHA256SUMS is to have.
    """
    writer = _Writer(out, log)
    for member in members:
        writer.add(member)
    return writer.finish()


class _Writer:
    def __init__(self, out: BinaryIO, log: Sequence[str]) -> None:
        self._out = out
        self._log = log
        self._numbers = {name: number for number, name in enumerate(log)}
        self._pending = bytearray()
        self._blocks: list[int] = []
        self._places = array(PLACE, bytes(2 * len(log)))
        self._sums: dict[str, str] = {}
        self._digest = hashlib.sha256()
        self._content_bytes = self._newest_s = 0

    def add(self, member: Member) -> None:
        blocks = tar_blocks(member)
        if self._pending and len(self._pending) + len(blocks) > BLOCK_BYTES:
            self._end_block()
        self._places[self._numbers.pop(member.name)] = len(self._blocks)
        self._sums[member.name] = hashlib.sha256(member.data).hexdigest()
        self._content_bytes += len(member.data)
        self._newest_s = max(self._newest_s, member.modified_s)
        self._pending += blocks

    def finish(self) -> PackSize:
        if self._pending:
            self._end_block()
        sums = sums_text((name, self._sums[name]) for name in self._log)
        self._pending += tar_blocks(Member(SUMS_NAME, sums, self._newest_s)) + END
        self._end_block()
        return PackSize(
            files=len(self._sums),
            content_bytes=self._content_bytes,
            size_bytes=sum(self._blocks),
            sha256=self._digest.hexdigest(),
            sums_sha256=hashlib.sha256(sums).hexdigest(),
            layout=Layout(tuple(self._blocks), tuple(self._places)),
        )

    def _end_block(self) -> None:
        data = compress_block(bytes(self._pending))
        self._blocks.append(len(data))
        self._out.write(data)
        self._digest.update(data)
        self._pending.clear()


def compress_block(content: bytes) -> bytes:
    """One gzip member."""
    deflate = zlib.compressobj(LEVEL, wbits=-zlib.MAX_WBITS)
    return HEADER + deflate.compress(content) + deflate.flush() + _TRAILER.pack(zlib.crc32(content), len(content))


class Pack:
    """A pack open for reading; `bytes_read` counts what came from the file. Use it in a with block."""

    def __init__(self, path: Path, layout: Layout | None = None) -> None:
        """Without its layout all of the pack is read once to find the blocks, and `read` cannot be used.

        Raises VerificationError when the blocks do not make up the file, OSError without a file.
        """
        self.path = path
        self.bytes_read = 0
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._blocks = blocks_of(path, self._find_blocks() if layout is None else layout.blocks)
            self._places = None if layout is None else layout.places
            self._check_size()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Pack:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def read(self, name: str, number: int) -> bytes | None:
        """Content of one file, the `number`-th of the log; None when it is not there. Unpacks one block."""
        if self._places is None:
            raise ValueError("a pack without its layout has no places")
        member = find_member(self._block(self._places[number]), name)
        return None if member is None else member.data

    def sums(self) -> bytes:
        """SHA256SUMS: a line for each file, in the order of the log."""
        tar = self._block(len(self._blocks) - 1)
        member, end = parse_member(tar, 0)
        if member.name != SUMS_NAME or tar[end:] != END or not member.data.isascii():
            raise self._damaged(f"it does not end with {SUMS_NAME}")
        return member.data

    def members(self) -> Iterator[Member]:
        """Every file in the order of the pack, all of it checked when the last one has been taken.

        Raises VerificationError for anything that `write_pack` would not have written around these files.
        """
        listing = Listing(self.path)
        for block in self._blocks[:-1]:
            self.bytes_read += block.size_bytes
            for member in block.members_of(self._descriptor):
                listing.add(member.name, hashlib.sha256(member.data).hexdigest(), block.number)
                yield member
        self.check_listing(listing)

    def check_listing(self, listing: Listing) -> None:
        """Raises VerificationError unless a listing of all files is that of SHA256SUMS and of the layout."""
        found, sums = listing.files, self.sums()
        names = names_in(sums)
        if len(names) != len(found) or set(names) != found.keys():
            raise self._damaged(f"{SUMS_NAME} lists other files")
        if sums != sums_text((name, found[name][0]) for name in names):
            raise self._damaged(f"{SUMS_NAME} does not fit the files")
        if self._places not in (None, tuple(found[name][1] for name in names)):
            raise self._damaged("a file stands in another block than the manifest says")

    def _check_size(self) -> None:
        sizes = [block.size_bytes for block in self._blocks]
        if os.fstat(self._descriptor).st_size != sum(sizes) or not sizes or min(sizes) <= 0:
            raise self._damaged("its blocks do not make up the file")

    def _block(self, number: int) -> bytes:
        if not 0 <= number < len(self._blocks):
            raise self._damaged(f"there is no block {number}")
        content = self._blocks[number].unpack(self._descriptor)
        self.bytes_read += self._blocks[number].size_bytes
        return content

    def _find_blocks(self) -> tuple[int, ...]:
        """Sizes of the gzip members, one after the other."""
        blocks: list[int] = []
        start = 0
        while data := self._read(start, READ_BYTES):
            inflate, size = zlib.decompressobj(zlib.MAX_WBITS | 16), 0
            try:
                while data and not inflate.eof:
                    size += len(data)
                    inflate.decompress(data, BLOCK_LIMIT + 1)
                    data = b"" if inflate.unconsumed_tail else self._read(start + size, READ_BYTES)
            except zlib.error as error:
                raise self._damaged(f"block {len(blocks)}: {error}") from error
            if not inflate.eof:
                raise self._damaged(f"block {len(blocks)} is not one gzip member of ours")
            blocks.append(size - len(inflate.unused_data))
            start += blocks[-1]
        return tuple(blocks)

    def _read(self, offset: int, length: int) -> bytes:
        data = os.pread(self._descriptor, length, offset)
        self.bytes_read += len(data)
        return data

    def _damaged(self, what: str) -> VerificationError:
        return VerificationError(f"{self.path.name}: {what}", kind="archive")


def sums_text(digests: Iterable[tuple[str, str]]) -> bytes:
    """What `sha256sum` writes for files and their digests."""
    return "".join(f"{digest}  {name}\n" for name, digest in digests).encode("ascii")


def names_in(sums: bytes) -> list[str]:
    """The names that a list of digests has, in its order."""
    return [line[66:] for line in sums.decode("ascii").split("\n")[:-1]]
