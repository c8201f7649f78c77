"""Battle files → lines → battles, streaming: a 1 GB file needs no more memory than its longest line."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import shutil
import sys
import tempfile
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import orjson

from green_logic.battle import Battle, parse_battle
from green_logic.errors import ConfigurationError, InvalidBattleError
from green_logic.files import TEMPORARY_PREFIX, make_directory, storage_errors, sync_directory, sync_file
from green_logic.settings import Settings

STDIN = "-"
BOM = b"\xef\xbb\xbf"  # some editors put it first; harmless there, an error anywhere else
EXCERPT = 200  # characters of a refused line that are kept to find it again
STEM = 40  # characters of the input's name that its list of refused lines bears; a file name holds 255 bytes
GZIP_MAGIC, ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True)
class Line:
    """One non-blank input line: a battle, or the reason why it is none. `number` counts from 1."""

    number: int
    battle: Battle | None
    reason: str = ""
    text: str = ""
    offset: int = 0  # bytes of the (compressed) file read so far, for progress


class BattleFile:
    """A file of battles, or standard input. A context manager."""

    def __init__(self, source: str, settings: Settings) -> None:
        self.name = shown_name(source)
        self._settings = settings
        self._raw: IO[bytes] = _open_stdin() if source == STDIN else _open(Path(source))
        with contextlib.ExitStack() as undo, _reading(self.name):
            undo.callback(self._raw.close)
            self.size_bytes = 0 if source == STDIN else os.fstat(self._raw.fileno()).st_size
            self._stream = _decompress(self._raw)
            undo.pop_all()

    def __enter__(self) -> BattleFile:
        return self

    def __exit__(self, *exception: object) -> None:
        self._raw.close()

    def lines(self) -> Iterator[Line]:
        """Every non-blank line.

        A compressed file that ends early or is damaged yields one last refused line: what came before it counts.
        """
        number = 0
        try:
            while True:
                data, more = self._next()
                if not data:
                    return
                number += 1
                data = data.removeprefix(BOM) if number == 1 else data
                if data.strip() or more:
                    yield self._line(number, data, more)
        except (OSError, EOFError, zlib.error) as error:
            yield Line(number + 1, None, f"the file is damaged from here on: {error}", offset=self._offset())

    def _next(self) -> tuple[bytes, int]:
        """The next line, cut beyond the limit, and how many bytes of it were cut off."""
        room = self._settings.max_line_bytes + len(BOM) + 2  # neither a BOM nor the line end counts
        data = last = self._stream.readline(room)
        more = 0
        while len(last) == room and not last.endswith(b"\n"):
            last = self._stream.readline(room)
            more += len(last.rstrip(b"\r\n"))
        return data, more

    def _line(self, number: int, data: bytes, more: int) -> Line:
        text = data[: 4 * EXCERPT].decode("utf-8", "backslashreplace")[:EXCERPT].strip()
        line = data.rstrip(b"\r\n")
        limit = self._settings.max_line_bytes
        size = len(line) + more
        if size > limit:
            return Line(
                number, None, f"expected at most {limit} bytes (max_line_bytes), got {size}", text, self._offset()
            )
        try:
            return Line(
                number, parse_battle(line, max_source_bytes=self._settings.max_source_bytes), offset=self._offset()
            )
        except InvalidBattleError as error:
            return Line(number, None, error.message, text, self._offset())

    def _offset(self) -> int:
        return self._raw.tell() if self.size_bytes and self._raw.seekable() else 0


class Refusals:
    """`data/rejected/…jsonl`: the refused lines of one input file, replaced by the next run of the same file."""

    def __init__(self, source: str, settings: Settings) -> None:
        stem = "stdin" if source == STDIN else Path(source).name.split(".")[0][:STEM] or "battles"
        where = source if source == STDIN else Path(source).resolve()
        name = f"{stem}-{hashlib.sha256(os.fsencode(where)).hexdigest()[:8]}.jsonl"
        self.path = settings.rejected / name
        # a name of its own: another run of the same file may be writing its list now
        self._temporary = settings.rejected / f"{TEMPORARY_PREFIX}{uuid.uuid4().hex[:8]}-{name}"
        self._source = shown_name(source)
        self._file: IO[bytes] | None = None

    def add(self, line: Line, reason: str) -> None:
        """Keep one refused line."""
        entry = {"file": self._source, "line": line.number, "reason": reason, "text": line.text}
        if line.battle is not None:
            entry["battle_id"] = line.battle.battle_id
        with storage_errors(f"cannot write {self.path}"):
            if self._file is None:
                make_directory(self.path.parent)
                # without a name, so that a run that is killed leaves nothing behind
                self._file = tempfile.TemporaryFile(dir=self.path.parent)  # noqa: SIM115  `close` closes it
            self._file.write(orjson.dumps(entry) + b"\n")

    def close(self, *, complete: bool) -> None:
        """Publish the list; when the whole input was read without a refusal, the list of the run before goes."""
        with storage_errors(f"cannot write {self.path}"):
            if self._file is not None:
                self._file.seek(0)
                with self._file, self._temporary.open("wb") as copy:
                    shutil.copyfileobj(self._file, copy)
                sync_file(self._temporary)
                self._temporary.replace(self.path)
                sync_directory(self.path.parent)
            elif complete:
                self.path.unlink(missing_ok=True)


def shown_name(source: str) -> str:
    """An input's name as text; a file name may hold bytes that are none."""
    return "<stdin>" if source == STDIN else os.fsencode(source).decode("utf-8", "backslashreplace")


def _open_stdin() -> IO[bytes]:
    if sys.stdin is None:  # what Python makes of a descriptor that is closed
        raise ConfigurationError("<stdin>: standard input is closed", hint="name a file, or pipe one in")
    return sys.stdin.buffer


def _open(path: Path) -> IO[bytes]:
    with _reading(shown_name(str(path))):
        return path.open("rb")


@contextlib.contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        hint = "name a .jsonl, .jsonl.gz or .jsonl.zst, or - for stdin"
        raise ConfigurationError(f"{name}: no such file", hint=hint) from error
    except OSError as error:
        raise ConfigurationError(f"{name}: cannot be read: {error.strerror or error}") from error


def _decompress(raw: IO[bytes]) -> io.BufferedIOBase:
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
