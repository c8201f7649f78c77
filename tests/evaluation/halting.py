"""Halts a guest in the middle of its tests, for good: what a machine does that has no time for it, but at will."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from green_logic.evaluation.sandbox import Sandbox

BUSY_S = 0.05  # of CPU time; being confined and compiling variants take a guest a few milliseconds
# a test that takes several times as much
WHILE = "\ndef test_takes_a_while():\n    assert sum(number % 7 == 3 for number in range(2_000_000)) > 0\n"


@contextlib.contextmanager
def halted_guest(sandbox: Sandbox, number: int) -> Iterator[threading.Event]:
    """Meanwhile one guest of the first worker, of those that are busy for a while, is halted; is set when it was."""
    worker = sandbox._all[0].worker
    assert worker is not None
    done, over = threading.Event(), threading.Event()
    halter = threading.Thread(target=_halt, args=(worker.pid, number, done, over))
    halter.start()
    try:
        yield done
    finally:
        over.set()
        halter.join()


def _halt(worker: int, number: int, done: threading.Event, over: threading.Event) -> None:
    guests: list[int] = []
    while not over.is_set() and not done.is_set():
        for pid in guests_of(worker):
            with contextlib.suppress(OSError):
                if time.clock_gettime(~pid << 3 | 2) > BUSY_S and pid not in guests:
                    guests.append(pid)
                    if len(guests) - 1 == number:
                        os.kill(pid, signal.SIGSTOP)
                        done.set()
        time.sleep(0.001)


def guests_of(pid: int) -> set[int]:
    """Processes below a worker that have no child and a session of their own."""
    found = set[int]()
    with contextlib.suppress(OSError):
        for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
            below = guests_of(child)
            found |= below or ({child} if os.getsid(child) == child else set())
    return found
