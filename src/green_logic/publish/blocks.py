"""The blocks of a pack, each worked at on its own: by this process or by many, and taken in their order."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Protocol, TypeVar

from green_logic.errors import VerificationError
from green_logic.publish.tarblocks import Member, parse_member

BLOCK_LIMIT = (
    16 << 20
)  # bytes that a reader unpacks at most; the list of digests is the largest block, 205 bytes a file
# no name, no time, no system: the same content has the same header
HEADER = bytes.fromhex("1f8b08000000000002ff")
Piece = TypeVar("Piece")
Answer = TypeVar("Answer")


class Spread(Protocol):
    """Like `map`: the answers to pieces of work, in their order, whichever process gives them."""

    def __call__(self, function: Callable[[Piece], Answer], pieces: Iterable[Piece], /) -> Iterator[Answer]:
        """Each answer as soon as it and those before it are there."""


def in_turn(function: Callable[[Piece], Answer], pieces: Iterable[Piece], /) -> Iterator[Answer]:
    """All by this process, one after the other."""
    return map(function, pieces)


@dataclass(frozen=True, slots=True)
class Block:
    """Where one block of a pack is, for any process to read it."""

    path: Path
    number: int
    start: int
    size_bytes: int

    def members(self) -> Iterator[Member]:
        """Its files. Raises VerificationError for what `write_pack` would not have written, OSError."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield from self.members_of(descriptor)
        finally:
            os.close(descriptor)

    def members_of(self, descriptor: int) -> Iterator[Member]:
        """The same out of the open file."""
        tar, offset = self.unpack(descriptor), 0
        while offset < len(tar):
            member, offset = parse_member(tar, offset)
            yield member

    def unpack(self, descriptor: int) -> bytes:
        """What is packed in it. Raises VerificationError unless it is one gzip member of ours, and not too large."""
        if self.size_bytes > 2 * BLOCK_LIMIT:  # before so much is read
            raise self._damaged(f"is of {self.size_bytes} bytes")
        data = os.pread(descriptor, self.size_bytes, self.start)
        inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            content = inflate.decompress(data, BLOCK_LIMIT + 1)
        except zlib.error as error:
            raise self._damaged(f"cannot be unpacked: {error}") from error
        if not inflate.eof or inflate.unused_data or data[: len(HEADER)] != HEADER:
            raise self._damaged("is not one gzip member of ours")
        if not 0 < len(content) <= BLOCK_LIMIT:
            raise self._damaged(f"holds nothing, or more than {BLOCK_LIMIT} bytes")
        return content

    def _damaged(self, what: str) -> VerificationError:
        return VerificationError(f"{self.path.name}: block {self.number} {what}", kind="archive")


def blocks_of(path: Path, sizes: Sequence[int]) -> list[Block]:
    """The blocks of a pack by their sizes in bytes."""
    return [Block(path, *place) for place in zip(range(len(sizes)), accumulate(sizes, initial=0), sizes, strict=False)]


@dataclass(frozen=True, slots=True)
class Listed:
    """A file of a pack without its content. `sha256` is in hex."""

    name: str
    size_bytes: int
    sha256: str


def list_block(block: Block) -> list[Listed]:
    """The files of a block."""
    return [Listed(one.name, len(one.data), hashlib.sha256(one.data).hexdigest()) for one in block.members()]


class Listing:
    """The files of a pack as they are met: name → SHA-256 in hex and number of the block."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.files: dict[str, tuple[str, int]] = {}

    def add(self, name: str, sha256: str, block: int) -> None:
        """One more file. Raises VerificationError when there was one of this name."""
        if name in self.files:
            raise VerificationError(f"{self._path.name}: {name} is there twice", kind="archive")
        self.files[name] = sha256, block
