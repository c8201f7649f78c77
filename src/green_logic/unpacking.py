"""Packed streams → their bytes, streaming: gzip and zstd, told by how they begin."""

from __future__ import annotations

import gzip
import io
from typing import IO

GZIP_MAGIC, ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def open_unpacked(raw: IO[bytes]) -> io.BufferedIOBase:
    """The stream itself, or what is packed in it: told by the first bytes, since names lie and stdin has none."""
    buffered = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(io.FileIO(raw.fileno(), closefd=False))
    start = buffered.peek(4)[:4]
    if start.startswith(GZIP_MAGIC):
        return gzip.GzipFile(fileobj=buffered)
    return io.BufferedReader(_ZstdStream(buffered)) if start == ZSTD_MAGIC else buffered


class _ZstdStream(io.RawIOBase):
    """Unpacked zstd frames. The library's own reader takes a file that was cut short for a whole one."""

    STEP = 256  # bytes taken in at once: a block of four bytes can unpack to 128 KiB, so this bounds memory at 8 MiB

    def __init__(self, packed: io.BufferedReader) -> None:
        super().__init__()
        import zstandard  # noqa: PLC0415  only a .zst file needs it

        self._decompressor = zstandard.ZstdDecompressor()
        self._failure = zstandard.ZstdError
        self._frame = self._decompressor.decompressobj()
        self._packed = packed
        self._unpacked = memoryview(b"")
        self._damage: OSError | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed asks for any writable buffer
        while not self._unpacked:
            if self._damage is not None:
                raise self._damage
            data = self._packed.read(self.STEP)
            if not data:
                if not self._frame.eof:
                    raise EOFError("compressed file ended before the end of its frame")
                return 0
            self._unpacked = memoryview(self._unpack(data))
        size = min(len(buffer), len(self._unpacked))
        buffer[:size] = self._unpacked[:size]
        self._unpacked = self._unpacked[size:]
        return size

    def _unpack(self, data: bytes) -> bytes:
        unpacked = []
        try:
            while data:
                if self._frame.eof:
                    self._frame = self._decompressor.decompressobj()
                unpacked.append(self._frame.decompress(data))
                data = self._frame.unused_data if self._frame.eof else b""
        except self._failure as error:
            self._damage = OSError(str(error))  # told once what came before it is read
        return b"".join(unpacked)
