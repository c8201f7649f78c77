"""Runs hostile Python tests, isolated by whatever this machine offers, or not at all.

Nothing a submission does is an error here: it is a `TestRun`. What fails in the sandbox itself is never one.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from types import TracebackType
from typing import Literal, Self

from green_logic.errors import RetryableError, SandboxUnavailableError
from green_logic.evaluation.cuts import run_through
from green_logic.evaluation.isolation.split.needs import Needs, find_needs
from green_logic.evaluation.mutation.examination import Examination
from green_logic.evaluation.probe import PROBE_LIMITS, PROBE_SOURCE, PROBE_TESTS, find_breach
from green_logic.evaluation.sandbox_slots import Slot, Slots
from green_logic.evaluation.testrun import Limits, TestOutcome, TestRun
from green_logic.evaluation.worker import Worker

__all__ = ["Limits", "Sandbox", "TestOutcome", "TestRun"]

BACKENDS = ("namespaces", "landlock")  # from the strongest
UNSANDBOXED = "none"
MEMORY_BOUNDS = {
    0: "rlimit (address space of each process) and watched (all together)",
    1: "rlimit (address space of each process) and cgroup v1 (all together)",
    2: "rlimit (address space of each process) and cgroup v2 (all together)",
}
HINT = (
    "allow user namespaces (sysctl kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu, "
    "--security-opt seccomp=unconfined for Docker) or use Linux 5.13 or newer with Landlock; "
    "--allow-unsandboxed runs hostile code without isolation and records it"
)


class Sandbox:
    """A pool of warm workers. Open it once; `run_tests` may be called from as many threads as there are workers."""

    def __init__(self, backend: str, workers: list[Worker], limits: Limits) -> None:
        """Takes over started workers; use `open`."""
        self.backend = backend
        self.workers = len(workers)
        self._limits = limits
        self._cgroup = 0
        self._all = [Slot(number, len(workers), backend, worker) for number, worker in enumerate(workers)]
        self._slots = Slots(self._all)

    @classmethod
    def open(
        cls,
        *,
        workers: int = 0,
        limits: Limits = Limits(),  # noqa: B008  frozen
        allow_unsandboxed: bool = False,
        backend: str | None = None,
    ) -> Self:
        """A sandbox with the strongest backend that holds a probe, or exactly `backend`. 0 workers: one per core.

        Raises SandboxUnavailableError when none holds, unless `allow_unsandboxed`; RetryableError when the machine has
        no room for another process.
        """
        count = workers or len(os.sched_getaffinity(0))
        refusals = []
        for name in (backend,) if backend else (*BACKENDS, *((UNSANDBOXED,) if allow_unsandboxed else ())):
            sandbox = cls(name, _start_workers(name, count), limits)
            try:
                refusal = sandbox._probe()
            except BaseException:
                sandbox.close()
                raise
            if not refusal:
                return sandbox
            sandbox.close()
            refusals.append(f"{name}: {refusal}")
        raise SandboxUnavailableError(f"no isolation holds here: {'; '.join(refusals) or 'none known'}", hint=HINT)

    def describe(self) -> dict[str, object]:
        """What isolated the guests and what bound them; the same for every run on one machine."""
        limits = {name: getattr(self._limits, name) for name in Limits.__dataclass_fields__}
        return {
            "backend": self.backend,
            "limits": limits,
            "memory": MEMORY_BOUNDS[self._cgroup],
            "disk": "tmpfs" if self.backend == "namespaces" else "watched",
            "network": "open" if self.backend == UNSANDBOXED else "none",
        }

    def run_tests(
        self,
        source: str,
        tests: str,
        *,
        kind: Literal["own", "hidden"],
        limits: Limits | None = None,
        split: bool | None = None,
    ) -> TestRun:
        """Run `tests` against `source`; blocks while every worker is busy.

        Hidden tests run out of the solution's process where they can; `fallback` of the run says why not. `split`
        says it instead. A hidden test that takes too long fails, and the others are run without it; `cut` of the run
        names it. A run that only the clock stopped is done again, for the machine may have stood still.

        Raises RetryableError if the worker died, whose job then has no result, or if all workers do.
        """
        needs, fallback = self._plan(tests, kind, split=split)
        with self._slots.take() as slot:
            run = run_through(
                lambda earlier, bounds: slot.run(source, tests, kind, bounds, needs, earlier=earlier),
                limits or self._limits,
            )
        return replace(run, fallback=fallback) if fallback else run

    def examine_tests(self, source: str, tests: str, *, mutants: int) -> Examination:
        """Run a submission's own `tests` on its `source` and on up to `mutants` broken copies; blocks as `run_tests`.

        Raises RetryableError if the worker died: what it had seen until then counts for nothing.
        """
        with self._slots.take() as slot:
            return slot.examine(source, tests, self._limits, mutants)

    def close(self) -> None:
        """End every worker; a job that is running fails with RetryableError. May be called twice."""
        self._slots.close()

    def __enter__(self) -> Self:
        """The sandbox itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _plan(self, tests: str, kind: str, *, split: bool | None) -> tuple[Needs | None, str]:
        """What a split run of `tests` needs, None for one process; and why it cannot be split though it should."""
        if split is False or (split is None and kind == "own"):
            return None, ""
        if self.backend == UNSANDBOXED:
            return None, "nothing keeps two processes apart here"
        needs = find_needs(tests)
        return (None, needs.same_process) if needs.same_process and split is None else (needs, "")

    def _probe(self) -> str:
        """Why this backend cannot be used; empty if a real job ran and found every wall in place."""
        try:
            self._cgroup = min(slot.wait_ready() for slot in self._all)  # 0 if one of them has none
            run = self.run_tests(PROBE_SOURCE, PROBE_TESTS, kind="own", limits=PROBE_LIMITS)
        except RetryableError as error:
            return str(error)
        return find_breach(run, walls=self.backend != UNSANDBOXED)


def _start_workers(backend: str, count: int) -> list[Worker]:
    """All of them, or none. Raises RetryableError."""
    with contextlib.ExitStack() as started:
        workers: list[Worker] = []
        for number in range(count):
            workers.append(Worker(backend, number, count))
            started.callback(workers[-1].close)
        started.pop_all()
    return workers
