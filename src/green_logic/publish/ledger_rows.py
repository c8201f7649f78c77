"""Reading the ledger as Arrow record batches, in a process of its own.

The ADBC driver brings its own copy of SQLite. In a process that also has the ledger open through the standard library,
closing one of its descriptors would drop the other's POSIX locks, and a writer could then lose acknowledged rows
(shown). So no process that imports this package ever loads the driver: `read_batches` starts
`python -m green_logic.publish.ledger_rows`, which reads, shapes and sends the rows, and may be killed at any moment.
The second process also reads and parses while this one compresses.

Rows are read in windows that are bounded by bytes and chosen from the data alone, so that the same ledger always gives
the same batches; each window is a short transaction of its own, which keeps no writer's WAL from being folded.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import IO, Any, TypeAlias

import pyarrow as pa

from green_logic.errors import ConfigurationError, GreenLogicError, RetryableError, StorageError, VerificationError
from green_logic.publish.columns import SCHEMA
from green_logic.publish.shape import shape

WINDOW_ROWS = 8192
WINDOW_BYTES = 24 << 20  # of text, signatures and vectors; both processes together then stay below 500 MB
SIZES_AT_ONCE = 65_536  # rows whose sizes are looked up together
EXTRA_BYTES = 3000  # of a row beside its result: a signature and a vector
WAITING_BATCHES = 1  # read ahead while the caller compresses
PIPE_BYTES = 1 << 20  # the most that a user may have without being root; the default of 64 kB means more switches
BUSY_TIMEOUT_MS = 60_000  # a reader waits only while another connection mends the WAL after a crash
REFUSED = 3  # exit code: the error is described on stderr
_COLUMNS = "b.id, b.battle_id, b.timestamp, b.score, b.breakdown, b.raw_result, b.dbom_hash, l.envelope, l.leaf_index"
# ADBC takes each column's type from the first rows; a NULL or nothing at all there would make it int64
_SENTINEL = (
    "SELECT 0 AS id, '' AS battle_id, '' AS timestamp, 0.5 AS score, '' AS breakdown, '' AS raw_result, "
    "'' AS dbom_hash, '' AS sigma_judge, 0 AS leaf_index"
)
_MODULE = "green_logic.publish.ledger_rows"
_Item: TypeAlias = Any  # what the read-ahead hands over: a RecordBatch, an Exception, or None at the end


@contextlib.contextmanager
def read_batches(database: Path, *, after: int, last: int) -> Iterator[Iterator[pa.RecordBatch]]:
    """Batches of the rows with `after` < id <= `last`, in the columns of the contract, in the order of ids.

    Raises VerificationError for a row that breaks the contract, StorageError when the ledger cannot be read, and
    RetryableError when the reading process was killed.
    """
    with tempfile.TemporaryFile() as messages:
        process = _start([str(database.absolute()), str(after), str(last)], messages)
        waiting: queue.Queue[_Item] = queue.Queue(WAITING_BATCHES)
        reader = threading.Thread(target=_read_ahead, args=(process.stdout, waiting), daemon=True, name="export-reader")
        reader.start()
        try:
            yield _receive(process, waiting, messages)
        finally:
            process.kill()
            process.wait()
            while reader.is_alive():  # it may wait for room in a queue that nobody empties any more
                with contextlib.suppress(queue.Empty):
                    waiting.get(timeout=0.01)


def _start(arguments: list[str], messages: IO[bytes]) -> subprocess.Popen[bytes]:
    # -P: a file in the working directory must not stand in for a module
    command = [sys.executable, "-P", "-m", _MODULE, *arguments]
    streams: Any = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": messages}
    process = subprocess.Popen(command, **streams)  # noqa: S603  our own module
    if process.stdout is not None:
        with contextlib.suppress(OSError):  # a user may have used up the room for pipes
            fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return process


def _receive(
    process: subprocess.Popen[bytes], waiting: queue.Queue[_Item], messages: IO[bytes]
) -> Iterator[pa.RecordBatch]:
    while isinstance(item := waiting.get(), pa.RecordBatch):
        yield item
    code = process.wait()
    if code or item is not None:
        raise _failure(code, messages) from item


def _read_ahead(pipe: IO[bytes], waiting: queue.Queue[_Item]) -> None:
    try:
        with pipe, pa.ipc.open_stream(pipe) as reader:
            for batch in reader:
                waiting.put(batch)
    except (OSError, pa.ArrowInvalid, ValueError) as error:  # cut short; the exit code says why
        waiting.put(error)
    else:
        waiting.put(None)


def _failure(code: int, messages: IO[bytes]) -> GreenLogicError:
    messages.seek(0)
    text = messages.read().decode(errors="replace").strip()
    if code != REFUSED:
        last = text.splitlines()[-1] if text else "no message"
        return RetryableError(
            f"the process that reads the ledger ended with {code}: {last}",
            hint="nothing was published: run the same command again",
        )
    error = json.loads(text.splitlines()[-1])
    kinds: dict[str, type[GreenLogicError]] = {
        "verification": VerificationError,
        "configuration": ConfigurationError,
    }
    return kinds.get(error["code"], StorageError)(error["message"], hint=error["hint"])


def main(arguments: list[str]) -> int:
    """The reading process: DATABASE AFTER LAST; an Arrow stream on stdout."""
    database, after, last = Path(arguments[0]), int(arguments[1]), int(arguments[2])
    try:
        with pa.ipc.new_stream(sys.stdout.buffer, SCHEMA) as writer:
            for batch in _query_windows(database, after, last):
                writer.write_batch(shape(batch))
        sys.stdout.buffer.flush()
    except GreenLogicError as error:
        sys.stderr.write(json.dumps({"code": error.code, "message": error.message, "hint": error.hint}) + "\n")
        return REFUSED
    except BrokenPipeError:  # whoever asked is gone
        return 1
    return 0


def _query_windows(database: Path, after: int, last: int) -> Iterator[pa.RecordBatch]:
    import adbc_driver_manager as adbc  # noqa: PLC0415  only in this process, see above
    import adbc_driver_sqlite  # noqa: PLC0415

    # mode=ro: a reader never folds the WAL, which SQLite before 3.51.3 cannot survive beside a writer that does
    uri = f"{database.as_uri()}?mode=ro"
    try:
        with adbc_driver_sqlite.connect(uri) as handle, adbc.AdbcConnection(handle) as connection:
            _query(connection, f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            while windows := _plan(connection, after, last):
                for end in windows:
                    yield _read_window(connection, after, end)
                    after = end
    except adbc.Error as error:
        text = str(error)
        if "malformed" in text or "not a database" in text:
            hint = "keep the file, restore a backup beside it"
            raise VerificationError(f"{database}: {text}", kind="database", hint=hint) from error
        raise StorageError(f"{database}: {text}", hint="nothing was published: run the same command again") from error


def _plan(connection: Any, after: int, last: int) -> list[int]:
    """Last ids of the next windows; empty at the end. octet_length reads only a row's header, so this costs little."""
    sizes = _query(
        connection,
        "SELECT id, coalesce(octet_length(raw_result), 0) + coalesce(octet_length(breakdown), 0) AS size "  # noqa: S608
        f"FROM battles WHERE id > {after} AND id <= {last} ORDER BY id LIMIT {SIZES_AT_ONCE}",  # integers
    )
    ends: list[int] = []
    rows = size = 0
    previous = after
    for row, text in zip(sizes["id"].to_pylist(), sizes["size"].to_pylist(), strict=True):
        if rows and (rows == WINDOW_ROWS or size + text + EXTRA_BYTES > WINDOW_BYTES):
            ends.append(previous)
            rows = size = 0
        rows, size, previous = rows + 1, size + text + EXTRA_BYTES, row
    # the last window may go on in rows whose sizes are not known yet
    if rows and sizes.num_rows < SIZES_AT_ONCE:
        ends.append(previous)
    return ends


def _read_window(connection: Any, after: int, last: int) -> pa.RecordBatch:
    rows = _query(
        connection,
        f"{_SENTINEL} UNION ALL SELECT * FROM (SELECT {_COLUMNS} FROM battles b "  # noqa: S608  integers
        f"LEFT JOIN ledger l ON l.battle_row = b.id WHERE b.id > {after} AND b.id <= {last} ORDER BY b.id)",
    )
    return rows.slice(1)


def _query(connection: Any, sql: str) -> pa.RecordBatch:
    import adbc_driver_manager as adbc  # noqa: PLC0415  as above

    with adbc.AdbcStatement(connection) as statement:
        statement.set_options(**{"adbc.sqlite.query.batch_rows": str(SIZES_AT_ONCE + 1)})
        statement.set_sql_query(sql)
        stream, _ = statement.execute_query()
        table = pa.RecordBatchReader.from_stream(stream).read_all()
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


class _WithoutPandas(MetaPathFinder):
    """pyarrow imports pandas once it is given a list, which takes longer than reading a small increment."""

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError(fullname)


if __name__ == "__main__":
    sys.meta_path.insert(0, _WithoutPandas())
    sys.exit(main(sys.argv[1:]))
