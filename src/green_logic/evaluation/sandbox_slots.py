"""The places of a sandbox's workers: who takes the next job, and what happens where worker after worker dies.

A worker that dies is replaced by the next job. Where `MAX_DEATHS` died in a row, the place rests, longer each time, and
jobs go to other places meanwhile; a place that fails at once must not draw all jobs to itself. While all places rest,
every job fails with RetryableError. After its rest a place is tried with one job again.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence

from green_logic.errors import RetryableError
from green_logic.evaluation.isolation.earlier import NOTHING, Earlier
from green_logic.evaluation.isolation.split.needs import Needs
from green_logic.evaluation.mutation.examination import Examination
from green_logic.evaluation.testrun import Limits, TestRun
from green_logic.evaluation.worker import Worker, WorkerDeathError

MAX_DEATHS = 5  # of one place in a row, without a job that worked, before it rests
FIRST_REST_S = 1.0  # no longer than the pause before a battle's first retry
LONGEST_REST_S = 60.0


class Slot:
    """A place in the pool: a worker, and the next one when it dies."""

    def __init__(self, number: int, count: int, backend: str, worker: Worker) -> None:
        self._number = number
        self._count = count
        self._backend = backend
        self._deaths = 0
        self._rested_at = 0.0  # by time.monotonic
        self._lock = threading.Lock()  # between `close` and a restart
        self.worker: Worker | None = worker

    def rest_s(self) -> float:
        """Seconds for which this place rests from now on; 0 if it takes a job."""
        return max(0.0, self._rested_at - time.monotonic())

    def wait_ready(self) -> int:
        """Version of the worker's control group, 0 for none. Raises RetryableError if the worker cannot isolate."""
        with self._deaths_counted():
            worker = self._living()
            worker.wait_ready()
            return worker.cgroup

    def run(
        self, source: str, tests: str, kind: str, limits: Limits, needs: Needs | None, *, earlier: Earlier = NOTHING
    ) -> TestRun:
        """Run one job. Raises RetryableError if the worker died."""
        with self._deaths_counted():
            run = self._living().run(source, tests, kind, limits, needs, earlier=earlier)
        self._deaths = 0
        return run

    def examine(self, source: str, tests: str, limits: Limits, mutants: int) -> Examination:
        """Run one examination. Raises RetryableError if the worker died, or the machine was too slow."""
        with self._deaths_counted():
            examination = self._living().examine(source, tests, limits, mutants)
        self._deaths = 0
        return examination

    def close(self) -> None:
        """End the worker; the next job starts another."""
        with self._lock:
            worker, self.worker = self.worker, None
        if worker:
            worker.close()

    def _living(self) -> Worker:
        with self._lock:
            if self.worker is None:
                self.worker = Worker(self._backend, self._number, self._count)
            return self.worker

    @contextlib.contextmanager
    def _deaths_counted(self) -> Iterator[None]:
        try:
            yield
        except WorkerDeathError as error:
            self.close()
            self._count_death()
            raise RetryableError(
                f"sandbox worker {self._number}: {error}", hint="run the same command again"
            ) from error
        except RetryableError:
            raise  # the worker has nothing to do with it, and waits for its next job
        except BaseException:
            self.close()  # Ctrl-C between a job and its answer: the answer would be taken for the next job's
            raise

    def _count_death(self) -> None:
        self._deaths += 1
        if self._deaths >= MAX_DEATHS:
            rest_s = FIRST_REST_S * 2.0 ** min(self._deaths - MAX_DEATHS, 30)  # beyond it a float overflows
            self._rested_at = time.monotonic() + min(rest_s, LONGEST_REST_S)


class Slots:
    """All places of a sandbox; each is taken by one thread at a time."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self._all = tuple(slots)
        self._free = list(slots)
        self._changed = threading.Condition()
        self._closed = False

    @contextlib.contextmanager
    def take(self) -> Iterator[Slot]:
        """A place that does not rest; waits while all of those are taken.

        Raises RetryableError when all places rest, and when the sandbox is closed.
        """
        slot = self._take()
        try:
            yield slot
        finally:
            with self._changed:
                self._free.append(slot)
                self._changed.notify_all()

    def close(self) -> None:
        """End every worker; whoever waits, and a job that is running, fails with RetryableError."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for slot in self._all:
            slot.close()

    def _take(self) -> Slot:
        with self._changed:
            while not self._closed:
                for slot in self._free:
                    if not slot.rest_s():
                        self._free.remove(slot)
                        return slot
                rests = [slot.rest_s() for slot in self._all]
                if all(rests):
                    raise RetryableError(
                        f"the last {MAX_DEATHS} or more workers of each of the sandbox's {len(rests)} places died one "
                        f"after the other; the next one is started in {min(rests):.0f} s",
                        hint="run the same command again; green-logic doctor tells what keeps the sandbox from working",
                    )
                # until a job ends, or a rest does
                self._changed.wait(min((rest for rest in rests if rest), default=None))
        raise RetryableError("the sandbox is closed")
