"""A batch of battles in three repeatable steps: evaluate → generate_dbom → submit_result, chunk by chunk.

The same three methods are the body of the local loop (`run_batch`) and of the Prefect tasks. A step that meets a
RetryableError is repeated with growing pauses; what a step had finished before is kept, so nothing is judged twice.
A battle that still cannot be judged is set aside in `data/not_evaluated/`, never scored. A run that was killed is taken
up by the same command: what the ledger holds is skipped.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from green_logic.agent import GreenAgent
from green_logic.battle import Battle
from green_logic.errors import GreenLogicError, InvalidBattleError, NotEvaluatedError, RetryableError
from green_logic.files import make_directory, storage_errors, write_file
from green_logic.intake import BattleFile, Line, Refusals
from green_logic.ledger.database import Known, Receipt
from green_logic.proof.dbom import Sealed, utc_now
from green_logic.retries import with_retries
from green_logic.settings import Settings

CHUNK_BYTES = 32 << 20  # of input; a chunk that holds this much is judged before it is full, to bound memory
ROWS_KEPT = 60  # judged battles kept for the summary table; a longer table is not read


@dataclass
class Totals:
    """What became of the lines of one run; `read` is the sum of the others when it ends well."""

    read: int = 0
    recorded: int = 0
    already_recorded: int = 0
    conflicts: int = 0
    refused: int = 0
    not_evaluated: int = 0

    @property
    def clean(self) -> bool:
        """Whether every line is on the ledger."""
        return not (self.conflicts or self.refused or self.not_evaluated)


@dataclass(frozen=True)
class Row:
    """One judged battle in the summary."""

    battle_id: str
    task: str
    agent: str
    cis: float
    rationale: float | None
    architecture: float | None
    testing: float | None
    logic: float | None
    dbom: str


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
    asked for. `on_progress` is called, from this thread or a worker's, whenever a battle's fate is known.
    """

    def __init__(
        self, source: str, settings: Settings, *, on_progress: Callable[[BatchRun], None] | None = None
    ) -> None:
        self.totals = Totals()
        self.rows: list[Row] = []
        self.profile = ""  # of the battles judged in this run
        self._graver_reasons: list[str] = []  # why battles were set aside or in conflict
        self._refused_reasons: list[str] = []
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
        self._pool: ThreadPoolExecutor | None = None
        self._complete = False
        self.sealed_to: int | None = None  # battles under the checkpoint signed at the end
        self._started = 0
        self._set_aside: set[str] = set()

    def __enter__(self) -> BatchRun:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
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
        }

    def chunks(self) -> Iterator[int]:
        """Numbers of the chunks that hold battles without a row, in the order of the input."""
        directory = self.settings.not_evaluated
        with storage_errors("cannot list the battles that were set aside"):
            self._set_aside = {path.name for path in directory.iterdir()} if directory.is_dir() else set()
        lines: dict[str, Line] = {}
        held_back: list[
            Line
        ] = []  # a second line of an id in the making: the ledger decides once that one is committed
        for batch in self._batches():
            rest = batch
            while rest:
                rest = self._plan(rest, lines, held_back)
                # a file that repeats one id must not pile up in memory
                waiting = [*lines.values(), *held_back]
                if self.settings.chunk_size in (len(lines), len(held_back)) or _size(waiting) >= CHUNK_BYTES:
                    yield self._start(lines)
                    lines = {}
                    rest, held_back = held_back + rest, []
        while lines or held_back:
            if lines:
                yield self._start(lines)
                lines = {}
            batch, held_back = held_back, []
            self._plan(batch, lines, held_back)
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

    def _batches(self) -> Iterator[list[Line]]:
        batch: list[Line] = []
        size_bytes = 0
        for line in self._input.lines():
            self.totals.read += 1
            self.offset = line.offset
            if line.battle is None:
                self._refuse(line, line.reason)
                continue
            batch.append(line)
            size_bytes += len(line.battle.canonical)
            if len(batch) == self.settings.chunk_size or size_bytes >= CHUNK_BYTES:
                yield batch
                batch, size_bytes = [], 0
        if batch:
            yield batch

    def _plan(self, batch: list[Line], lines: dict[str, Line], held_back: list[Line]) -> list[Line]:
        """Fill `lines` from `batch` up to the chunk size; what did not fit."""
        known = self.agent.ledger.find(_battle(line).battle_id for line in batch)
        folded = {battle_id.lower() for battle_id in lines}
        for position, line in enumerate(batch):
            if len(lines) == self.settings.chunk_size:
                return batch[position:]
            battle = _battle(line)
            row = known.get(battle.battle_id)
            if row is not None and not self._is_new_evidence(line, row):
                continue
            if battle.battle_id.lower() in folded:
                held_back.append(line)
                if len(held_back) == self.settings.chunk_size:
                    return batch[position + 1 :]
                continue
            lines[battle.battle_id] = line
            folded.add(battle.battle_id.lower())
        return []

    def _is_new_evidence(self, line: Line, row: Known) -> bool:
        """Whether a battle with a row must be judged all the same, because the row's input is unknown."""
        battle = _battle(line)
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

    # --- judging

    def _evaluate_all(self, chunk: Chunk, battle_ids: Sequence[str]) -> None:
        chunk.failures = {name: error for name, error in chunk.failures.items() if name not in battle_ids}
        if self._pool is None:
            evaluator = self.agent.evaluator  # opened here: the workers must not race for it
            del evaluator
            self._pool = ThreadPoolExecutor(self._threads(), thread_name_prefix="judge")
        futures: dict[str, Future[dict[str, Any]]] = {
            battle_id: self._pool.submit(self._judge, _battle(chunk.lines[battle_id])) for battle_id in battle_ids
        }
        try:
            for battle_id, future in futures.items():
                try:
                    chunk.results[battle_id] = future.result()
                    self.judged += 1
                except (RetryableError, NotEvaluatedError) as error:
                    chunk.failures[battle_id] = error
                self._progress()
        finally:
            for future in futures.values():
                future.cancel()

    def _threads(self) -> int:
        """One for each sandbox worker; with an LLM reviewer enough to keep it busy, since they wait for it."""
        reviewed_at_once = self.settings.judge_concurrency // self.settings.judge_reviews if self.settings.judge else 0
        return max(self.agent.sandbox.workers, reviewed_at_once)

    def _judge(self, battle: Battle) -> dict[str, Any]:
        try:
            return self.agent.evaluator.evaluate(battle)
        except GreenLogicError:
            raise
        except Exception as error:  # a fault of the judge in one battle must neither score it nor stop the rest
            raise NotEvaluatedError(f"the judge failed: {type(error).__name__}: {error}") from error

    # --- what became of a battle

    def _count(self, chunk: Chunk, receipt: Receipt, known: Known | None) -> None:
        line = chunk.lines[receipt.battle_id]
        if receipt.status == "recorded":
            self.totals.recorded += 1
            result = chunk.results[receipt.battle_id]
            self.profile = (result.get("profile") or {}).get("id", self.profile)
            self._keep_row(result)
            self._forget_not_evaluated(receipt.battle_id)
        elif receipt.status == "already_recorded" or (known and known.battle_sha256 == _battle(line).sha256):
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
        if len(reasons) < ROWS_KEPT:
            reasons.append(f"{self.name}:{line.number}: {reason}")
        self._progress()

    def _write_not_evaluated(self, chunk: Chunk, battle_id: str, error: GreenLogicError) -> None:
        line = chunk.lines[battle_id]
        entry = {
            "battle_id": battle_id,
            "reason": error.message,
            "code": error.code,
            "attempts": chunk.attempts,
            "file": self.name,
            "line": line.number,
            "at": utc_now(),
        }
        directory = self.settings.not_evaluated
        with storage_errors("cannot set a battle aside"):
            make_directory(directory)
            write_file(directory / f"{battle_id}.json", orjson.dumps(entry, option=orjson.OPT_INDENT_2) + b"\n")
        self._set_aside.add(f"{battle_id}.json")
        self.totals.not_evaluated += 1
        if len(self._graver_reasons) < ROWS_KEPT:
            self._graver_reasons.append(f"{self.name}:{line.number}: {battle_id} not evaluated: {error.message}")

    def _forget_not_evaluated(self, battle_id: str) -> None:
        name = f"{battle_id}.json"
        if name in self._set_aside:
            with storage_errors("cannot remove a settled entry"):
                (self.settings.not_evaluated / name).unlink(missing_ok=True)

    def _progress(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self)


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


def summary_row(result: dict[str, Any], settings: Settings) -> Row:
    """The line of the summary table for one result."""
    evaluation, participant = result["evaluation"], result.get("participant") or {}
    task = result["task"]
    return Row(
        battle_id=result["battle_id"],
        task=task.get("title") or task.get("id") or "",
        agent=participant.get("agent") or "",
        cis=evaluation["cis_score"],
        rationale=evaluation["rationale_score"],
        architecture=evaluation["architecture_score"],
        testing=evaluation["testing_score"],
        logic=evaluation["logic_score"],
        dbom=str(settings.dboms / f"dbom_{result['battle_id']}.json"),
    )


def _size(lines: Sequence[Line]) -> int:
    return sum(len(_battle(line).canonical) for line in lines)


def _battle(line: Line) -> Battle:
    if line.battle is None:
        raise InvalidBattleError(f"line {line.number} holds no battle")
    return line.battle
