"""Battle files → lines → battles, streaming: a 1 GB file needs no more memory than its longest line."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import re
import shlex
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
from green_logic.spelling import find_meant, find_misspelt
from green_logic.strict_json import parse_json
from green_logic.unpacking import open_unpacked

STDIN = "-"
BOM = b"\xef\xbb\xbf"  # some editors put it first; harmless there, an error anywhere else
EXCERPT = 200  # characters of a refused line that are kept to find it again
STEM = 40  # characters of the input's name that its list of refused lines bears; a file name holds 255 bytes
WARNINGS_KEPT = 20  # kinds of warnings of one input; nobody reads more
# how a file begins that is JSON but not one value a line; a line that is damaged is told as such
ARRAY_START = re.compile(rb"\[\s*\{")
OBJECT_START = re.compile(rb"\{(\s*\"[^\"]*\"\s*:.*[^}])?")
MEMBER_START = re.compile(rb"\"[^\"]*\"\s*:|\}")


@dataclass(frozen=True)
class Line:
    """One non-blank input line: a battle, or the reason why it is none. `number` counts from 1."""

    number: int
    battle: Battle | None
    reason: str = ""
    text: str = ""
    offset: int = 0  # bytes of the (compressed) file read so far, for progress
    warnings: tuple[str, ...] = ()  # about keys that are kept and not read, though they seem to be meant


class BattleFile:
    """A file of battles, or standard input. A context manager."""

    def __init__(self, source: str, settings: Settings) -> None:
        self.name = shown_name(source)
        self._settings = settings
        self._number = 0  # of the last line read
        self._raw: IO[bytes] = _open_stdin() if source == STDIN else _open(Path(source))
        with contextlib.ExitStack() as undo, _reading(self.name):
            undo.callback(self._raw.close)
            self.size_bytes = 0 if source == STDIN else os.fstat(self._raw.fileno()).st_size
            self._stream = open_unpacked(self._raw)
            undo.pop_all()

    def __enter__(self) -> BattleFile:
        return self

    def __exit__(self, *exception: object) -> None:
        self._raw.close()

    def lines(self) -> Iterator[Line]:
        """Every non-blank line.

        A compressed file that ends early or is damaged yields one last refused line: what came before it counts.
        Raises InvalidBattleError for a file that is JSON of another layout, before anything is yielded.
        """
        self._number = 0
        try:
            lines = self._raw_lines()
            head = list(itertools.islice(lines, 2))
            _check_layout(self.name, [data for _, data, _ in head])
            for number, data, more in itertools.chain(head, lines):
                yield self._line(number, data, more)
        except (OSError, EOFError, zlib.error) as error:
            yield Line(self._number + 1, None, f"the file is damaged from here on: {error}", offset=self._offset())

    def _raw_lines(self) -> Iterator[tuple[int, bytes, int]]:
        """Number, data and bytes cut off of every non-blank line."""
        while True:
            data, more = self._next()
            if not data:
                return
            self._number += 1
            data = data.removeprefix(BOM) if self._number == 1 else data
            if data.strip() or more:
                yield self._number, data, more

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
            battle = parse_battle(line, max_source_bytes=self._settings.max_source_bytes)
        except InvalidBattleError as error:
            return Line(number, None, error.message + _instead(line, error.message), text, self._offset())
        return Line(number, battle, offset=self._offset(), warnings=tuple(find_misspelt(battle.value)))

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


class Warnings:
    """What was odd about lines that are judged all the same: each kind once, with the first line and how many."""

    def __init__(self) -> None:
        self._kinds: dict[str, list[int]] = {}
        self.left_out = 0  # lines whose warning was of a kind beyond the limit

    def add(self, line: Line) -> None:
        """Take note of the warnings of a line."""
        for text in line.warnings:
            self.note(text, line.number)

    def note(self, text: str, number: int) -> None:
        """Take note of one about the line of this number."""
        if text in self._kinds:
            self._kinds[text][1] += 1
        elif len(self._kinds) < WARNINGS_KEPT:
            self._kinds[text] = [number, 1]
        else:
            self.left_out += 1

    def as_json(self) -> list[dict[str, object]]:
        """As plain values, in the order of appearance."""
        return [{"message": text, "line": line, "lines": count} for text, (line, count) in self._kinds.items()]

    def texts(self, name: str) -> list[str]:
        """As sentences about the file `name`."""
        found = []
        for text, (line, count) in self._kinds.items():
            found.append(f"{name}:{line}: {text}" + (f" ({count} lines)" if count > 1 else ""))
        return [*found, f"{name}: {self.left_out} more warnings"] if self.left_out else found


def shown_name(source: str) -> str:
    """An input's name as text; a file name may hold bytes that are none."""
    return "<stdin>" if source == STDIN else os.fsencode(source).decode("utf-8", "backslashreplace")


def _instead(line: bytes, reason: str) -> str:
    """What stands in the line for the field that it was refused for the lack of, as the end of the reason."""
    field, _, fault = reason.partition(": ")
    if not fault.startswith("missing") and not fault.endswith("got nothing"):
        return ""
    name = find_meant(parse_json(line), field)
    return f"; {name} stands there, is it meant?" if name else ""


def _check_layout(name: str, head: list[bytes]) -> None:
    """Raises InvalidBattleError when the first lines are those of a JSON array, or of an object over many lines."""
    first, second = (line.strip() for line in [*head, b"", b""][:2])
    if first == b"[" or (ARRAY_START.match(first) and (not second or first.endswith(b","))):
        found, program = "a JSON array", "jq -c '.[]'"
    elif OBJECT_START.fullmatch(first) and MEMBER_START.match(second):
        found, program = "an object spread over lines", "jq -c ."
    else:
        return
    source = "FILE" if name == shown_name(STDIN) else shlex.quote(name)
    unpack = {".gz": "zcat", ".zst": "zstdcat"}.get(Path(name).suffix)
    call = f"{unpack} {source} | {program}" if unpack else f"{program} {source}"
    raise InvalidBattleError(f"{name}: expected one battle a line, got {found}", hint=f"{call} > battles.jsonl")


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
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        reason = "no such file" if missing else f"cannot be read: {error.strerror or error}"
        hint = "name a .jsonl, .jsonl.gz or .jsonl.zst, or - for stdin"
        raise ConfigurationError(f"{name}: {reason}", hint=hint) from error
