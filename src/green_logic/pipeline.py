"""A batch of battles in three repeatable steps: evaluate → generate_dbom → submit_result, chunk by chunk.

The same three methods are the body of the local loop (`run_batch`) and of the Prefect tasks. A step that meets a
RetryableError is repeated with growing pauses; what a step had finished before is kept, so nothing is judged twice.
A battle that still cannot be judged is set aside in `data/not_evaluated/`, never scored. A run that was killed is taken
up by the same command: what the ledger holds is skipped.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from green_logic.agent import GreenAgent
from green_logic.errors import GreenLogicError, InvalidBattleError, NotEvaluatedError, RetryableError
from green_logic.intake import BattleFile, Line
from green_logic.judging import JudgingPool
from green_logic.ledger.database import Known, Receipt
from green_logic.outcomes import Outcomes
from green_logic.planning import battle_of, plan_chunks
from green_logic.proof.dbom import Sealed
from green_logic.retries import with_retries
from green_logic.settings import Settings


@dataclass
class Chunk:
    """Some battles on their way, with what the steps have made of them so far."""

    number: int
    lines: dict[str, Line]
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    sealed: dict[str, Sealed] = field(default_factory=dict)
    failures: dict[str, GreenLogicError] = field(default_factory=dict)
    receipts: list[Receipt] | None = None
    attempts: int = 0


class BatchRun:
    """One input file on its way into the ledger. A context manager.

    `chunks` yields the numbers of chunks to be judged, each to be taken through the three steps before the next is
    asked for; workers that have nothing to do meanwhile begin with the next. `on_progress` is called, from this thread
    or a worker's, whenever a battle's fate is known.
    """

    def __init__(
        self, source: str, settings: Settings, *, on_progress: Callable[[BatchRun], None] | None = None
    ) -> None:
        self.judged = 0  # battles evaluated in this run
        self.offset = 0  # bytes of the input read
        self.agent = GreenAgent(settings=settings)
        self.settings = settings
        self._on_progress = on_progress
        self._input = BattleFile(source, settings)
        self.name = self._input.name
        self.size_bytes = self._input.size_bytes
        self.outcomes = Outcomes(source, self.name, settings, self._progress)
        self.totals = self.outcomes.totals
        self._chunks: dict[int, Chunk] = {}
        self._pool: JudgingPool | None = None
        self._complete = False
        self.sealed_to: int | None = None  # battles under the checkpoint signed at the end
        self._started = 0

    def __enter__(self) -> BatchRun:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._pool is not None:
            self._pool.close()
        self._input.__exit__()
        if not self._complete and self.totals.recorded:
            # what an interrupted run has recorded is sealed too; what keeps it from that keeps the run from more
            with contextlib.suppress(GreenLogicError):
                self._seal()
        try:
            self.outcomes.close(complete=self._complete)
        finally:
            self.agent.close()

    def _seal(self) -> None:
        checkpoint = self.agent.ledger.checkpoint(self.agent.key)
        self.sealed_to = checkpoint.size if checkpoint else None

    def report(self) -> dict[str, Any]:
        """The outcome as plain values; `ledger_size` counts the recorded battles of all runs."""
        return {
            **asdict(self.totals),
            "ledger_size": self.agent.ledger.size(),
            "sealed_to": self.sealed_to,
            "profile": self.outcomes.profile or None,
            "data_dir": str(self.settings.data_dir),
            "rejects": str(self.outcomes.rejects) if self.outcomes.rejects else None,
            "reasons": self.outcomes.reasons,
            "warnings": self.outcomes.warnings.as_json(),
            "recovery": asdict(self.agent.ledger.recovery),
            # the first ones; `green-logic list` has them all
            "battles": [row.brief() for row in self.outcomes.rows],
            "battles_left_out": self.totals.recorded - len(self.outcomes.rows),
        }

    def chunks(self) -> Iterator[int]:
        """Numbers of the chunks that hold battles without a row, in the order of the input."""
        self.outcomes.open()
        planned = self._plan()
        # what comes through a pipe may be long in coming
        yield from _one_late(planned) if self.size_bytes else (number for number in planned if number is not None)
        self._complete = True
        self._seal()

    def evaluate(self, number: int) -> int:
        """Judge the battles of a chunk on all workers; how many of them are judged now.

        Raises RetryableError when some could not be judged; calling again takes up only those.
        """
        chunk = self._chunks[number]
        chunk.attempts += 1
        todo = [battle_id for battle_id in chunk.lines if battle_id not in chunk.results]
        todo = [battle_id for battle_id in todo if not isinstance(chunk.failures.get(battle_id), NotEvaluatedError)]
        if todo:
            try:
                self._evaluate_all(chunk, todo)
            except GreenLogicError as error:
                # the judge did not even open: without a reason of its own a battle would be forgotten
                chunk.failures = dict.fromkeys(todo, error) | chunk.failures
                raise
        retryable = [error for error in chunk.failures.values() if isinstance(error, RetryableError)]
        if retryable:
            raise RetryableError(
                f"chunk {number}: {len(retryable)} battles could not be judged: {retryable[0].message}"
            )
        return len(chunk.results)

    def generate_dbom(self, number: int) -> int:
        """Seal the judged battles of a chunk and make their DBOM files durable; how many."""
        chunk = self._chunks[number]
        for battle_id, result in chunk.results.items():
            if battle_id not in chunk.sealed and battle_id not in chunk.failures:
                try:
                    chunk.sealed[battle_id] = self.agent.seal(result)
                except InvalidBattleError as error:  # must not stop the battles beside it
                    chunk.failures[battle_id] = NotEvaluatedError(f"the result cannot be sealed: {error.message}")
        self.agent.ledger.write_dboms(list(chunk.sealed.values()))
        return len(chunk.sealed)

    def submit_result(self, number: int) -> int:
        """Commit the sealed battles of a chunk in one transaction, and set aside those without a result.

        When this returns they are durable and counted; how many were recorded now.
        """
        chunk = self._chunks[number]
        if chunk.receipts is None:
            chunk.receipts = self.agent.ledger.submit(list(chunk.sealed.values()))
        recorded = sum(receipt.status == "recorded" for receipt in chunk.receipts)
        known = self.agent.ledger.find(item.battle_id for item in chunk.receipts if item.status == "conflict")
        for receipt in chunk.receipts:
            if receipt.battle_id in chunk.lines:  # a repeated step must not count twice
                self._count(chunk, receipt, known.get(receipt.battle_id))
                del chunk.lines[receipt.battle_id]
        for battle_id, error in list(chunk.failures.items()):
            self.outcomes.not_evaluated(chunk.lines[battle_id], battle_id, error, attempts=chunk.attempts)
            del chunk.failures[battle_id]
        del self._chunks[number]
        self._progress()
        return recorded

    # --- planning

    def _plan(self) -> Iterator[int | None]:
        """A number for each chunk; None where one has to be on the ledger before more can be planned."""
        for lines in plan_chunks(self._battles(), self.settings, self.agent.ledger.find, self._is_new_evidence):
            yield self._start(lines) if lines else None

    def _battles(self) -> Iterator[Line]:
        """The lines that hold a battle; the others are refused on the way."""
        for line in self._input.lines():
            self.offset = line.offset
            self.outcomes.read(line)
            if line.battle is not None:
                yield line

    def _is_new_evidence(self, line: Line, row: Known) -> bool:
        """Whether a battle with a row must be judged all the same, because the row's input is unknown."""
        battle = battle_of(line)
        name = battle.battle_id
        if row.battle_id != name:
            self.outcomes.refuse(line, f"battle_id: {name} differs from the recorded {row.battle_id} only in case")
        elif row.battle_sha256 == battle.sha256:
            self.outcomes.already_recorded(name)
        elif row.battle_sha256:
            self.outcomes.conflict(line, f"battle_id: {name} is recorded with another input; the first stays")
        else:
            return True
        return False

    def _start(self, lines: dict[str, Line]) -> int:
        self._started += 1
        chunk = Chunk(self._started, lines)
        self._chunks[chunk.number] = chunk
        return chunk.number

    def _evaluate_all(self, chunk: Chunk, battle_ids: Sequence[str]) -> None:
        chunk.failures = {name: error for name, error in chunk.failures.items() if name not in battle_ids}
        battles = {battle_id: battle_of(chunk.lines[battle_id]) for battle_id in battle_ids}
        later = self._chunks.get(chunk.number + 1)
        ahead = {battle_id: battle_of(line) for battle_id, line in later.lines.items()} if later else {}
        self._pool = self._pool or JudgingPool(self.agent)
        for battle_id, outcome in self._pool.judge(battles, ahead=ahead):
            if isinstance(outcome, GreenLogicError):
                chunk.failures[battle_id] = outcome
            else:
                chunk.results[battle_id] = outcome
                self.judged += 1
            self._progress()

    def _count(self, chunk: Chunk, receipt: Receipt, known: Known | None) -> None:
        line = chunk.lines[receipt.battle_id]
        if receipt.status == "recorded":
            self.outcomes.recorded(line, chunk.results[receipt.battle_id])
        elif receipt.status == "already_recorded" or (known and known.battle_sha256 == battle_of(line).sha256):
            # another run judged the same battle at the same time and was first
            self.outcomes.already_recorded(receipt.battle_id)
        else:
            self.outcomes.conflict(line, receipt.message)

    def _progress(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self)


def _one_late(numbers: Iterator[int | None]) -> Iterator[int]:
    """Each number once it is known what comes after it."""
    waiting: int | None = None
    for number in numbers:
        if waiting is not None:
            yield waiting
        waiting = number
    if waiting is not None:
        yield waiting


def run_batch(run: BatchRun) -> None:
    """Take every chunk through the three steps in this process, with the retries of the settings.

    Raises StorageError when the ledger cannot be written: what was acknowledged stays, the rest is for the next run.
    """
    for number in run.chunks():
        # what cannot be judged after the retries is set aside by the last step
        with contextlib.suppress(RetryableError):
            with_retries(run.settings, partial(run.evaluate, number))
        with_retries(run.settings, partial(run.generate_dbom, number))
        with_retries(run.settings, partial(run.submit_result, number))
