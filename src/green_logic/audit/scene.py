"""What the checks of one data directory share, and the walk over all leaves that most of them rest on.

Ranges of leaves are checked by a process per core, each with a connection of its own. Memory does not grow with the
ledger, but for 32 bytes for every 256 leaves.
"""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from green_logic.audit.findings import Finding, Tally
from green_logic.audit.rows import RangeResult, RowAuditor, Trust
from green_logic.ledger.reading import open_for_reading
from green_logic.proof.checkpoint import Checkpoint
from green_logic.settings import Settings

RANGE = 2048  # leaves in one piece of work, about 0.5 s; a multiple of the 256 under one stored hash
PARALLEL_FROM = 4 * RANGE  # leaves; below, starting processes costs more than it saves


@dataclass
class AuditReport:
    """What an audit saw. `sealed` and `pinned` are the leaves under the largest good checkpoint and the largest pin."""

    target: str
    key_pinned: bool
    battles: int = 0
    files: int = 0
    leaves: int = 0
    sealed: int = 0
    pinned: int = 0
    checkpoints: int = 0
    verified: int = 0  # leaves whose own signature was verified; the others are under a signed root
    keyids: tuple[str, ...] = ()
    tally: Tally = field(default_factory=Tally)

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.tally.total()

    @property
    def unsealed(self) -> int:
        """Leaves after the largest checkpoint: signed one by one, but their omission would not show."""
        return self.leaves - self.sealed


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
    on_progress: Callable[[int, int], None] = lambda _done, _total: None
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
    # spawned, not forked: a child must not inherit SQLite's file handles, whose closing would drop our locks
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, initializer=_start_worker, initargs=arguments) as pool:
        yield from pool.imap(_work, pieces)


class _RangeWorker:
    """A connection and an open folder of one process. A context manager."""

    def __init__(self, settings: Settings, trust: Trust, kept: int) -> None:
        self._stack = ExitStack()
        connection = self._stack.enter_context(open_for_reading(settings))
        self._auditor = RowAuditor(connection, settings.dboms, trust, kept=kept)
        self._stack.callback(self._auditor.close)

    def __enter__(self) -> _RangeWorker:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def check(self, piece: tuple[int, int]) -> RangeResult:
        return self._auditor.check_range(*piece)


_worker: list[_RangeWorker] = []  # of this process; a pool hands its tasks no other state


def _start_worker(data_dir: Path, trust: tuple[Any, ...], kept: int) -> None:
    _worker.append(_RangeWorker(Settings(data_dir=data_dir), Trust.unpack(*trust), kept))


def _work(piece: tuple[int, int]) -> RangeResult:
    return _worker[0].check(piece)
