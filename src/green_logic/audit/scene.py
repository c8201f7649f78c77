"""What the checks of one data directory share, and the walk over all leaves that most of them rest on.

Ranges of leaves are checked by a process per core, each with a connection of its own. Memory does not grow with the
ledger, but for 32 bytes for every 256 leaves.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from green_logic.audit.cores import all_cores
from green_logic.audit.report import AuditReport, Extent
from green_logic.ledger.findings import Finding
from green_logic.ledger.reading import open_for_reading
from green_logic.ledger.row_check import RangeResult, RowCheck, Trust
from green_logic.proof.checkpoint import Checkpoint
from green_logic.publish.leaves import Progress, no_progress
from green_logic.settings import Settings

RANGE = 2048  # leaves in one piece of work, about 0.5 s; a multiple of the 256 under one stored hash
PARALLEL_FROM = 4 * RANGE  # leaves; below, starting processes costs more than it saves


@dataclass
class Scene:
    """What the checks of one data directory share. `roots` has the real root at each size that somebody signed."""

    settings: Settings
    connection: sqlite3.Connection
    trust: Trust
    checkpoints: Sequence[Checkpoint]
    pins: Sequence[Checkpoint]
    report: AuditReport
    workers: int
    extent: Extent = field(default_factory=Extent)
    on_progress: Progress = no_progress
    roots: dict[int, bytes] = field(default_factory=dict)
    nodes: list[bytes] = field(default_factory=list)  # at height STEP


Check = Callable[[Scene], Iterator[Finding]]


def check_ranges(scene: Scene) -> Iterator[RangeResult]:
    """Every leaf with its row and file, in order, on all cores."""
    size = scene.report.leaves
    pieces = [(first, min(first + RANGE, size)) for first in range(0, size, RANGE)]
    workers = min(scene.workers, len(pieces))
    kept = scene.report.tally.kept
    if workers < 2 or size < PARALLEL_FROM:
        with _RangeWorker(scene.settings, scene.trust, kept) as worker:
            yield from map(worker.check, pieces)
        return
    arguments = (scene.settings.data_dir, scene.trust.pack(), kept)  # neither keys nor settings can be pickled
    with all_cores(workers, start=_remember, arguments=arguments) as spread:
        yield from spread(_work, pieces)


class _RangeWorker:
    """A connection and an open folder of one process. A context manager."""

    def __init__(self, settings: Settings, trust: Trust, kept: int) -> None:
        self._stack = ExitStack()
        connection = self._stack.enter_context(open_for_reading(settings, bounded=True))
        self._auditor = RowCheck(connection, settings.dboms, trust, kept=kept)
        self._stack.callback(self._auditor.close)

    def __enter__(self) -> _RangeWorker:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def check(self, piece: tuple[int, int]) -> RangeResult:
        return self._auditor.check_range(*piece)


_arguments: list[Any] = []  # of this process: a pool hands its tasks no other state
_worker: list[_RangeWorker] = []


def _remember(*arguments: Any) -> None:
    _arguments.extend(arguments)


def _work(piece: tuple[int, int]) -> RangeResult:
    if not _worker:  # opened here, where an error reaches the caller; a pool whose initializer fails tells nothing
        data_dir, trust, kept = _arguments
        _worker.append(_RangeWorker(Settings(data_dir=data_dir), Trust.unpack(*trust), kept))
    return _worker[0].check(piece)
