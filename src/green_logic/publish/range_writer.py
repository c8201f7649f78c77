"""The process that writes ranges of rows, started by range_process.py.

It reads, checks, writes and reads back on its own, so that as many cores are busy as there are such processes, and no
row ever travels between two of them. Requests come as lines of JSON on stdin, each answered by one on stdout: the
parts that were written and checked, or the error. See ranges.py for the other side.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from green_logic.errors import GreenLogicError
from green_logic.files import storage_errors, sync_file
from green_logic.publish.ledger_rows import read_windows
from green_logic.publish.parquet import check_part, write_parts
from green_logic.publish.parts import CheckedPart, IdRange, Part
from green_logic.publish.shape import shape


@dataclass(frozen=True)
class Work:
    """What all requests have in common: the ledger, where parts go, and who asks."""

    database: Path
    spool: Path
    parent: int  # process id


def main(arguments: list[str]) -> int:
    """Answer requests until stdin ends. `arguments` are the database, the spool and the process id of the parent."""
    work = Work(Path(arguments[0]), Path(arguments[1]), int(arguments[2]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the parent, which ends this process
    gc.disable()  # nothing here makes cycles, and a window is tens of thousands of objects
    for line in sys.stdin:
        request = json.loads(line)
        sys.stdout.write(json.dumps(_answer(work, IdRange(**request["range"]), request["ending"])) + "\n")
        sys.stdout.flush()
    return 0


def _answer(work: Work, ids: IdRange, ending: str) -> dict[str, Any]:
    try:
        with storage_errors("cannot export"):
            parts = list(write_parts(_batches(work, ids), work.spool, _names(ids)))
            checked = _check_and_sync(parts, ending)
    except GreenLogicError as error:
        kind = getattr(error, "kind", None)
        return {"error": {"code": error.code, "message": error.message, "hint": error.hint, "kind": kind}}
    return {"parts": [{"path": str(part.path), "file": asdict(part.file)} for part in checked]}


def _check_and_sync(parts: Sequence[Part], ending: str) -> list[CheckedPart]:
    """Read parts back while the disk takes them: nobody waits for it."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="export-sync") as pool:
        synced = [pool.submit(sync_file, part.path) for part in parts]
        checked = [check_part(part, ending) for part in parts]
        for one in synced:
            one.result()
    return checked


def _batches(work: Work, ids: IdRange) -> Iterator[pa.RecordBatch]:
    for rows in read_windows(work.database, after=ids.after, last=ids.last):
        if os.getppid() != work.parent:  # nobody will publish this, and the next export waits for our lock
            sys.exit("whoever asked is gone")
        yield shape(rows)


def _names(ids: IdRange) -> Iterator[str]:
    number = 0
    while True:
        yield f"part-{ids.number:06d}-{number:03d}.parquet"
        number += 1
