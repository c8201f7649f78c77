"""Ranges of ids, and the processes that write them (range_writer.py). Needs no Arrow.

Where a range ends depends on the rows alone, never on the machine: the same ledger gives the same files on any number
of cores.

A writing process inherits the export lock. Should this process be killed, the lock stays held until the last of its
writers has noticed, so that no later export meets one that still writes.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import sqlite3
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from green_logic.errors import ConfigurationError, GreenLogicError, RetryableError, StorageError, VerificationError
from green_logic.files import make_directory
from green_logic.publish.manifest import DataFile
from green_logic.publish.parts import CheckedPart, IdRange

RANGE_ROWS = 100_000  # at most, so that processes end together and files become large
SMALL_ROWS = 16_384  # not worth a second process: each takes 0.1 s to start
PROCESSES = 4  # at most: each takes some 110 MB, and together they stay below 500 MB (measured)
_MODULE = "green_logic.publish.range_process"
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",  # Arrow's own threads, of which nothing here is done
    # the memory of one window is kept for the next: 3 % less CPU, 10 MB more of memory (measured)
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    # 50 MB less of a process than with Arrow's own choice; where it was built without, it says so and takes another
    "ARROW_DEFAULT_MEMORY_POOL": "jemalloc",
}


def cut_ranges(connection: sqlite3.Connection, *, after: int, last: int, rows: int) -> list[IdRange]:
    """Ranges of about equal numbers of signed rows: one, two, or a multiple of four, as there are processes.

    `rows` is the number of signed rows in all of them.
    """
    count = 1 if rows <= SMALL_ROWS else 2 if rows <= 2 * RANGE_ROWS else 4 * -(-rows // (4 * RANGE_ROWS))
    each = -(-rows // count)
    # the index on battle_row has all that this needs
    query = "SELECT battle_row FROM ledger WHERE battle_row > ? ORDER BY battle_row LIMIT 1 OFFSET ?"
    ends = [after]
    for _ in range(count - 1):
        (end,) = connection.execute(query, (ends[-1], each - 1)).fetchone()
        ends.append(end)
    return [IdRange(number, *ids) for number, ids in enumerate(zip(ends, [*ends[1:], last], strict=True))]


@contextlib.contextmanager
def writing_ranges(
    database: Path, ranges: Sequence[IdRange], spool: Path, *, ending: str, lock: int
) -> Iterator[Iterator[CheckedPart]]:
    """Processes at work on the ranges, and their Parquet files in `spool`, each written, read back, checked and synced.

    `ending` is that of the published names, `lock` the descriptor of the export lock. The iteration raises
    VerificationError for a row or a file that is not what was sealed, StorageError, and RetryableError when a process
    was killed.
    """
    make_directory(spool)
    count = min(len(ranges), PROCESSES, len(os.sched_getaffinity(0)))
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(_starting(database, spool, lock)) for _ in range(count)]
        waiting = deque(ranges)
        for writer in writers:
            writer.ask(waiting.popleft(), ending)
        yield _work_off(writers, waiting, ending)


@contextlib.contextmanager
def _starting(database: Path, spool: Path, lock: int) -> Iterator[_Writer]:
    # -P: a file in the working directory must not stand in for a module
    arguments = (database.absolute(), spool.absolute(), os.getpid())
    command = [sys.executable, "-P", "-m", _MODULE, *map(str, arguments)]
    with tempfile.TemporaryFile() as messages:
        streams: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": messages}
        environment = {**os.environ, **_ENVIRONMENT}
        process = subprocess.Popen(command, env=environment, pass_fds=[lock], **streams)  # noqa: S603  our own module
        try:
            yield _Writer(process, messages)
        finally:
            process.kill()
            process.communicate()


def _work_off(writers: Sequence[_Writer], waiting: deque[IdRange], ending: str) -> Iterator[CheckedPart]:
    """Each writer has been asked; whichever answers is asked for the next range, until none is waiting."""
    with selectors.DefaultSelector() as selector:
        for writer in writers:
            selector.register(writer.answers, selectors.EVENT_READ, writer)
        while selector.get_map():
            for key, _ in selector.select():
                writer = key.data
                yield from writer.answer()
                if waiting:
                    writer.ask(waiting.popleft(), ending)
                else:
                    selector.unregister(key.fileobj)


class _Writer:
    """This side of one writing process."""

    def __init__(self, process: subprocess.Popen[bytes], messages: IO[bytes]) -> None:
        assert process.stdin is not None  # noqa: S101  for the type checker: `_starting` asks for both
        assert process.stdout is not None  # noqa: S101
        self.answers = process.stdout
        self._requests = process.stdin
        self._process = process
        self._messages = messages

    def ask(self, ids: IdRange, ending: str) -> None:
        """Have a range written."""
        with contextlib.suppress(BrokenPipeError):  # the answer will tell
            self._requests.write(json.dumps({"range": asdict(ids), "ending": ending}).encode() + b"\n")
            self._requests.flush()

    def answer(self) -> list[CheckedPart]:
        """Wait for the parts of the range that was asked for. Raises what `writing_ranges` says."""
        line = self.answers.readline()
        if not line.endswith(b"\n"):
            raise self._crash()
        answer = json.loads(line)
        if "error" in answer:
            raise _told_error(**answer["error"])
        return [CheckedPart(Path(part["path"]), DataFile(**part["file"])) for part in answer["parts"]]

    def _crash(self) -> RetryableError:
        code = self._process.wait()
        self._messages.seek(0)
        text = self._messages.read().decode(errors="replace").strip()
        # Arrow begins with a warning where it was built without the memory pool that we ask for
        lines = [line for line in text.splitlines() if "ARROW_DEFAULT_MEMORY_POOL" not in line]
        last = lines[-1] if lines else "no message"
        return RetryableError(
            f"a process that writes the export ended with {code}: {last}",
            hint="nothing was published: run the same command again",
        )


def _told_error(*, code: str, message: str, hint: str, kind: str | None) -> GreenLogicError:
    if code == VerificationError.code:
        return VerificationError(message, kind=kind or "row", hint=hint)
    errors: dict[str, type[GreenLogicError]] = {ConfigurationError.code: ConfigurationError}
    return errors.get(code, StorageError)(message, hint=hint)
