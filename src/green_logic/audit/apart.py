"""Files that somebody prepared, read in processes whose memory is bounded.

Parquet says in a few bytes what fills gigabytes, and the sizes that it declares are as hostile as the rest. So nothing
that it says is believed: the process that reads it gets ROOM, and what needs more is a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from typing import TypeVar

from green_logic.audit.cores import processes
from green_logic.errors import RetryableError

ROOM = 512 << 20  # bytes beyond what the libraries take; our largest row group needs 200 MB (measured, 64 MB of text)
TOO_LARGE = f"reading it takes more than {ROOM >> 20} MB, or ended the process that read it"
Job = TypeVar("Job")
Answer = TypeVar("Answer")


def read_apart(
    function: Callable[[Job], Answer], jobs: Sequence[Job], workers: int
) -> Iterator[tuple[Job, Answer | None]]:
    """Each job with its answer, in order; without one where the process died of it, even when it had no other job.

    `function` answers for a MemoryError where the room was not enough. Raises RetryableError when no process starts.
    """
    done = 0
    while done < len(jobs):
        try:
            with processes(min(workers, len(jobs)), start=_bound_memory) as spread:
                for answer in spread(function, jobs[done:]):
                    yield jobs[done], answer
                    done += 1
        except BrokenExecutor:
            yield jobs[done], _read_alone(function, jobs[done])
            done += 1


def _bound_memory() -> None:
    from green_logic.publish.export_match import bound_memory  # noqa: PLC0415  it loads Arrow

    bound_memory(ROOM)


def _read_alone(function: Callable[[Job], Answer], job: Job) -> Answer | None:
    ready = False
    try:
        with processes(1, start=_bound_memory) as spread:
            ready = next(spread(bool, [True]))
            return next(spread(function, [job]))
    except BrokenExecutor as error:
        if ready:
            return None
        # nothing was read yet: the file must not be blamed
        hint = 'a script that calls this needs `if __name__ == "__main__":`; else see that there is memory'
        raise RetryableError("a process to read files in cannot be started", hint=hint) from error
