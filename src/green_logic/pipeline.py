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
from pathlib import Path
from typing import Any

from green_logic.agent import GreenAgent
from green_logic.aside import aside_bytes, aside_entry, aside_name
from green_logic.errors import GreenLogicError, InvalidBattleError, NotEvaluatedError, RetryableError
from green_logic.files import FileLock, make_directory, storage_errors, write_file
from green_logic.intake import BattleFile, Line, Refusals, Warnings
from green_logic.judging import JudgingPool
from green_logic.ledger.database import Known, Receipt
from green_logic.ledger.schema import LOCK_NAME
from green_logic.planning import battle_of, plan_chunks
from green_logic.proof.dbom import Sealed, utc_now
from green_logic.retries import with_retries
from green_logic.settings import Settings
from green_logic.summary import Row, summary_row
from green_logic.tally import Tally

ROWS_KEPT = 1000  # recorded battles that the report lists; a million of them would fill the memory
REASONS_KEPT = 60  # of refused lines and of others; a longer list is not read


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
        self.totals = Tally()
        self.rows: list[Row] = []  # of the battles recorded in this run, the first ROWS_KEPT
        self.profile = ""  # of the battles judged in this run
        self._graver_reasons: list[str] = []  # why battles were set aside or in conflict
        self._refused_reasons: list[str] = []
        self.warnings = Warnings()
        self.judged = 0  # battles evaluated in this run
        self.offset = 0  # bytes of the input read
        self.agent = GreenAgent(settings=settings)
        self.settings = settings
        self._on_progress = on_progress
        self._input = BattleFile(source, settings)
        self.name = self._input.name
        self.size_bytes = self._input.size_bytes
        self._refusals = Refusals(source, settings)
        self._chunks: dict[int, Chunk] = {}
        self._pool: JudgingPool | None = None
        self._complete = False
        self.sealed_to: int | None = None  # battles under the checkpoint signed at the end
        self._started = 0
        self._set_aside: set[str] = set()

    def __enter__(self) -> BatchRun:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._pool is not None:
            self._pool.close()
        self._input.__exit__()
        try:
            self._refusals.close(complete=self._complete)
        finally:
            self.agent.close()

    @property
    def reasons(self) -> list[str]:
        """Why battles were set aside or in conflict, then why lines were refused; the first of each."""
        return [*self._graver_reasons, *self._refused_reasons]

    @property
    def rejects(self) -> Path | None:
        """The list of refused lines, if there are any."""
        return self._refusals.path if self.totals.refused or self.totals.conflicts else None

    def report(self) -> dict[str, Any]:
        """The outcome as plain values; `ledger_size` counts the recorded battles of all runs."""
        return {
            **asdict(self.totals),
            "ledger_size": self.agent.ledger.size(),
            "sealed_to": self.sealed_to,
            "profile": self.profile or None,
            "data_dir": str(self.settings.data_dir),
            "rejects": str(self.rejects) if self.rejects else None,
            "reasons": self.reasons,
            "warnings": self.warnings.as_json(),
            # the first ones; `green-logic list` has them all
            "battles": [row.brief() for row in self.rows],
            "battles_left_out": self.totals.recorded - len(self.rows),
        }

    def chunks(self) -> Iterator[int]:
        """Numbers of the chunks that hold battles without a row, in the order of the input."""
        directory = self.settings.not_evaluated
        with storage_errors("cannot list the battles that were set aside"):
            self._set_aside = {path.name for path in directory.iterdir()} if directory.is_dir() else set()
        yield from _one_late(self._plan(), ahead=self.size_bytes > 0)
        self._complete = True
        checkpoint = self.agent.ledger.checkpoint(self.agent.key)
        self.sealed_to = checkpoint.size if checkpoint else None

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
            self._write_not_evaluated(chunk, battle_id, error)
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
            self.totals.read += 1
            self.offset = line.offset
            self.warnings.add(line)
            if line.battle is None:
                self._refuse(line, line.reason)
            else:
                yield line

    def _is_new_evidence(self, line: Line, row: Known) -> bool:
        """Whether a battle with a row must be judged all the same, because the row's input is unknown."""
        battle = battle_of(line)
        if row.battle_id != battle.battle_id:
            self._refuse(line, f"battle_id: {battle.battle_id} differs from the recorded {row.battle_id} only in case")
        elif row.battle_sha256 == battle.sha256:
            self.totals.already_recorded += 1
            self._forget_not_evaluated(battle.battle_id)
            self._progress()
        elif row.battle_sha256:
            self._conflict(line, f"battle_id: {battle.battle_id} is recorded with another input; the first stays")
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

    # --- what became of a battle

    def _count(self, chunk: Chunk, receipt: Receipt, known: Known | None) -> None:
        line = chunk.lines[receipt.battle_id]
        if receipt.status == "recorded":
            self.totals.recorded += 1
            result = chunk.results[receipt.battle_id]
            self.profile = (result.get("profile") or {}).get("id", self.profile)
            self._keep_row(result)
            self._forget_not_evaluated(receipt.battle_id)
        elif receipt.status == "already_recorded" or (known and known.battle_sha256 == battle_of(line).sha256):
            # another run judged the same battle at the same time and was first
            self.totals.already_recorded += 1
            self._forget_not_evaluated(receipt.battle_id)
        else:
            self._conflict(line, receipt.message)

    def _keep_row(self, result: dict[str, Any]) -> None:
        if len(self.rows) < ROWS_KEPT:
            self.rows.append(summary_row(result, self.settings))

    def _refuse(self, line: Line, reason: str) -> None:
        self.totals.refused += 1
        self._note(line, reason, self._refused_reasons)

    def _conflict(self, line: Line, reason: str) -> None:
        self.totals.conflicts += 1
        self._note(line, reason, self._graver_reasons)

    def _note(self, line: Line, reason: str, reasons: list[str]) -> None:
        self._refusals.add(line, reason)
        if len(reasons) < REASONS_KEPT:
            reasons.append(f"{self.name}:{line.number}: {reason}")
        self._progress()

    def _write_not_evaluated(self, chunk: Chunk, battle_id: str, error: GreenLogicError) -> None:
        line = chunk.lines[battle_id]
        at, attempts, name = utc_now(), chunk.attempts, aside_name(battle_id)
        entry = aside_entry(
            battle_id, error.message, file=self.name, line=line.number, at=at, attempts=attempts, code=error.code
        )
        with storage_errors("cannot set a battle aside"):
            make_directory(self.settings.not_evaluated)
            # another run of the same battles would write its entry under the same temporary name
            with FileLock(self.settings.data_dir / LOCK_NAME, timeout_s=self.settings.busy_timeout_s).held():
                write_file(self.settings.not_evaluated / name, aside_bytes(entry))
        self._set_aside.add(name)
        self.totals.not_evaluated += 1
        if len(self._graver_reasons) < REASONS_KEPT:
            self._graver_reasons.append(f"{self.name}:{line.number}: {battle_id} not evaluated: {error.message}")

    def _forget_not_evaluated(self, battle_id: str) -> None:
        name = aside_name(battle_id)
        if name in self._set_aside:
            with storage_errors("cannot remove a settled entry"):
                (self.settings.not_evaluated / name).unlink(missing_ok=True)

    def _progress(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self)


def _one_late(numbers: Iterator[int | None], *, ahead: bool) -> Iterator[int]:
    """Each number once the one after it is known; at once where that may be long in coming, as from a pipe."""
    waiting: int | None = None
    for number in numbers:
        if waiting is not None:
            yield waiting
        waiting = number
        if waiting is not None and not ahead:
            yield waiting
            waiting = None
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
