"""Work on all cores: pieces that need nothing of this process, and their answers in order.

A few pieces are ahead of whoever takes the answers, so memory does not grow with their number.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from green_logic.errors import RetryableError
from green_logic.publish.blocks import Spread, in_turn

PARALLEL_FROM = 2000  # archived DBOMs, 0.5 s of work; below, starting processes costs more than it saves
AHEAD = 4  # pieces for each process that may be under way or waiting to be taken
Piece = TypeVar("Piece")
Answer = TypeVar("Answer")


@contextmanager
def all_cores(
    workers: int, *, start: Callable[..., object] | None = None, arguments: tuple[Any, ...] = ()
) -> Iterator[Spread]:
    """A `map` over `workers` processes, each of which calls `start(*arguments)` first; with one, over this process.

    Raises RetryableError when a process is killed.
    """
    if workers < 2:
        if start is not None:
            start(*arguments)
        yield in_turn
        return
    try:
        with processes(workers, start=start, arguments=arguments) as spread:
            yield spread
    except BrokenExecutor as error:
        raise RetryableError(
            "a process of the audit was killed", hint="run it again with more memory, or with GREEN_LOGIC_WORKERS=1"
        ) from error


@contextmanager
def processes(
    workers: int, *, start: Callable[..., object] | None = None, arguments: tuple[Any, ...] = ()
) -> Iterator[Spread]:
    """The same, always in other processes. Raises BrokenExecutor when one is killed."""
    # spawned, not forked: a child must not inherit SQLite's file handles, whose closing would drop our locks
    context = multiprocessing.get_context("spawn")
    workers = max(workers, 1)
    with ProcessPoolExecutor(workers, context, initializer=start, initargs=arguments) as pool:
        try:
            yield _spread_over(pool, workers * AHEAD)
        except BaseException:
            pool.shutdown(cancel_futures=True)  # nobody takes the answers: what is not begun need not be done
            raise


def _spread_over(pool: ProcessPoolExecutor, ahead: int) -> Spread:
    def spread(function: Callable[[Piece], Answer], pieces: Iterable[Piece], /) -> Iterator[Answer]:
        waiting: deque[Future[Answer]] = deque()
        for piece in pieces:
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
            waiting.append(pool.submit(function, piece))
        while waiting:
            yield waiting.popleft().result()

    return spread
