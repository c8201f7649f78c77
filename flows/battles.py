"""evaluate_battles: a battle file → evaluated, sealed and recorded, chunk by chunk.

    python -m flows.battles data/samples/battles.jsonl

Prefect carries the id of the run and the number of the chunk, never a battle: results are not persisted, so nothing is
pickled. Atomicity and recovery are the ledger's; Prefect repeats a step that met a RetryableError, and shows what
happened. A server that dies in the middle is not told the rest: the work does not wait for its scheduler.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import UUID, uuid4
from weakref import WeakSet

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE

from flows.interrupts import answered, ended_in_order, listening, note_lost_server
from flows.messages import speak_plainly
from flows.retries import is_retryable, with_retries
from green_logic.cli import main as command_line
from green_logic.commands import say
from green_logic.console import markdown_summary
from green_logic.errors import ConfigurationError, GreenLogicError, RetryableError
from green_logic.pipeline import BatchRun
from green_logic.settings import load_settings

_runs: dict[str, BatchRun] = {}  # open in this process; tasks carry the key
# whose every chunk was taken through, should Prefect not take the end of it; weak, for an inbox has no last run
_finished: WeakSet[BatchRun] = WeakSet()
T = TypeVar("T")
speak_plainly()


@task(task_run_name="evaluate-{chunk}", cache_policy=NO_CACHE, persist_result=False, retry_condition_fn=is_retryable)
def evaluate(run_id: str, chunk: int) -> int:
    """Judge the battles of a chunk; how many are judged. A repetition takes up only those that are missing."""
    with listening():
        return open_run(run_id).evaluate(chunk)


@task(
    task_run_name="generate-dbom-{chunk}", cache_policy=NO_CACHE, persist_result=False, retry_condition_fn=is_retryable
)
def generate_dbom(run_id: str, chunk: int) -> int:
    """Seal the judged battles of a chunk and write their DBOM files; how many."""
    with listening():
        return open_run(run_id).generate_dbom(chunk)


@task(
    task_run_name="submit-result-{chunk}", cache_policy=NO_CACHE, persist_result=False, retry_condition_fn=is_retryable
)
def submit_result(run_id: str, chunk: int) -> int:
    """Commit the sealed battles of a chunk in one transaction; how many were recorded."""
    with listening():
        return open_run(run_id).submit_result(chunk)


# Prefect stores the exception of a failed flow whatever persist_result says; not as a pickle
@flow(flow_run_name="battles-{source}", persist_result=False, result_serializer="json")
def evaluate_battles(
    source: str, data_dir: str | None = None, chunk_size: int | None = None, opened_run: str | None = None
) -> dict[str, Any]:
    """Judge a battle file and record it; counts and paths, as `green-logic run --json` prints them.

    `source` is a .jsonl, .jsonl.gz or .jsonl.zst file, or - for standard input. `opened_run` is for the command line,
    which has opened the run itself and shows its progress.
    """
    if opened_run is not None:
        take_steps(opened_run)
        return open_run(opened_run).report()
    with BatchRun(source, load_settings({"data_dir": data_dir, "chunk_size": chunk_size})) as run:
        with registered(run) as run_id:
            take_steps(run_id)
        return run.report()


def take_steps(run_id: str) -> None:
    """Take every chunk of an open run through the three tasks."""
    run = open_run(run_id)
    judge, seal, record = (with_retries(step, run.settings) for step in (evaluate, generate_dbom, submit_result))
    progress = _create_progress(run)
    for chunk in read_chunks(run):
        # what cannot be judged after the retries is set aside by the last step, and its task shows as failed
        judge(run_id, chunk, return_state=True)
        seal(run_id, chunk)
        record(run_id, chunk)
        progress = _update_progress(progress, run)
    _finished.add(run)
    show(lambda: create_markdown_artifact(markdown_summary(run), "battles-summary", f"Battles of {run.name}"))


def show(make: Callable[[], T]) -> T | None:
    """Put something on Prefect's page; without a page the work is done all the same, and this is None."""
    try:
        return make()
    except Exception as error:  # noqa: BLE001  whatever the scheduler throws, the work is ours
        note_lost_server(error)
        say(f"Prefect does not show this run any more ({type(error).__name__}: {error})", file=sys.stderr)
        return None


def read_chunks(run: BatchRun) -> Iterator[int]:
    """The chunks of an open run; Ctrl-C is heard while they are read, which for a known file is all the work."""
    chunks = run.chunks()
    while True:
        with listening():
            chunk = next(chunks, None)
        if chunk is None:
            return
        yield chunk


def open_run(run_id: str) -> BatchRun:
    """The run that this process has open under an id."""
    try:
        return _runs[run_id]
    except KeyError:
        raise ConfigurationError(
            f"run {run_id} is not open in this process",
            hint="start the flow again with its source: what is recorded is skipped",
        ) from None


@contextmanager
def registered(run: BatchRun) -> Iterator[str]:
    """Let tasks find `run` under the id that this yields."""
    run_id = str(uuid4())
    _runs[run_id] = run
    try:
        yield run_id
    finally:
        del _runs[run_id]


def _create_progress(run: BatchRun) -> UUID | None:
    if not run.size_bytes:
        return None
    identity = show(lambda: create_progress_artifact(0.0, "battles-progress", f"Read from {run.name}"))
    return identity if isinstance(identity, UUID) else None


def _update_progress(identity: UUID | None, run: BatchRun) -> UUID | None:
    """The identity, or None once Prefect did not take it: a dead server is asked for minutes each time."""
    if identity is None:
        return None
    percent = min(100.0, 100.0 * run.offset / run.size_bytes)
    updated = show(lambda: update_progress_artifact(identity, progress=percent))
    return identity if updated is not None else None


def run_as_flow(run: BatchRun) -> None:
    """The whole of an open run as one flow run."""
    with registered(run) as run_id, ended_in_order():
        evaluate_battles(run.name, str(run.settings.data_dir), run.settings.chunk_size, opened_run=run_id)


def run_for_command(run: BatchRun) -> None:
    """The same for somebody who waits. Raises RetryableError when Prefect fails before everything is done."""
    try:
        run_as_flow(run)
    except GreenLogicError:
        raise
    except Exception as error:
        note_lost_server(error)
        if run in _finished:
            say(f"Prefect failed ({type(error).__name__}: {error}); everything was done before", file=sys.stderr)
            return
        raise RetryableError(
            f"Prefect failed in the middle of {run.name}: {type(error).__name__}: {error}",
            hint="what is recorded stays; the same command takes up the rest, with --local without Prefect",
        ) from error


if __name__ == "__main__":
    sys.exit(answered(command_line(["run", *sys.argv[1:]], runner=run_for_command)))
