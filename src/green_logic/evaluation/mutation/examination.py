"""Runs a submission's own tests on the original, on it once more, on the controls and on mutants, and says what came.

Everything but the first two runs comes in a shuffled order that nobody can foresee, and every one of them is told the
same: tests that count their runs, or look around in their process, learn nothing about what they run on.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from green_logic.evaluation.mutation.plan import CONTROL, Plan, Variant
from green_logic.evaluation.testrun import Limits, TestRun

BUDGET_CPU_S = 5.0  # for everything but the original's two runs; a mutant that is not reached counts as unnoticed
BUDGET_WALL_S = 20.0  # likewise: tests that wait cost nothing else
SLOWER = 10  # times as long as the original a variant may run,
MORE_CPU_S = 0.2  # and so much longer: a loop without an end costs this
MORE_WALL_S = 1.0  # the same by the clock, which a busy machine stretches
CONFIRMATIONS = 2  # more runs of a control that failed, and of the original, before tests are accused
SEEDS = (0, 1)  # of `random` for the original and its repetition; every other variant has the first
FAILED = frozenset({"failed", "error"})
ASSERTED = ("assert ", "AssertionError", "Failed: ")  # how the message of a failed check begins

KILLED_ASSERT, KILLED_CRASH, KILLED_TIMEOUT = "killed_assert", "killed_crash", "killed_timeout"
SURVIVED, STILLBORN, NOT_RUN = "survived", "stillborn", "not_run"
KILLED = frozenset({KILLED_ASSERT, KILLED_CRASH, KILLED_TIMEOUT})


class Ask(Protocol):
    """Runs one variant in the sandbox. `expected`: stop at the first of these that fails; None: run all tests."""

    def __call__(
        self, variant: Variant, *, seed: int, expected: Sequence[str] | None, wall_s: float, cpu_s: float
    ) -> TestRun:
        """Raises RetryableError when the sandbox failed."""


@dataclass
class Examination:
    """What was seen. Mutants are in the plan's order, each with its fate."""

    base: TestRun
    stable: tuple[str, ...] = ()  # tests that pass on the original whenever it runs
    flaky: tuple[str, ...] = ()  # tests that passed once and failed once on the same code
    controls: dict[str, str] = field(default_factory=dict)  # name -> the test that fails on it; empty: none does
    mutants: list[tuple[Variant, str]] = field(default_factory=list)
    fault: str = ""  # why no mutant was run, if none was
    is_doubted: bool = False  # a control failed, and later passed: what was seen once proves nothing
    runs: int = 1
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def count(self, fate: str) -> int:
        """Mutants that ended so."""
        return sum(found == fate for _, found in self.mutants)


class _Budget:
    """Runs variants within what a battle may cost."""

    def __init__(self, ask: Ask, limits: Limits, examination: Examination) -> None:
        base = examination.base
        self._ask, self._examination = ask, examination
        self._wall_s = min(limits.wall_s, MORE_WALL_S + SLOWER * base.wall_s)
        self._cpu_s = min(float(limits.cpu_s), MORE_CPU_S + SLOWER * base.cpu_s)
        self.spent_cpu_s = self.spent_wall_s = 0.0

    def is_spent(self) -> bool:
        """Whether the next run could exceed it, if it takes as long as the original did."""
        base = self._examination.base
        return self.spent_cpu_s + base.cpu_s > BUDGET_CPU_S or self.spent_wall_s + base.wall_s > BUDGET_WALL_S

    def run(self, variant: Variant, expected: Sequence[str] | None, seed: int = SEEDS[0]) -> TestRun:
        run = self._ask(variant, seed=seed, expected=expected, wall_s=self._wall_s, cpu_s=self._cpu_s)
        self.spent_cpu_s += run.cpu_s
        self.spent_wall_s += run.wall_s
        self._examination.runs += 1
        return run


def examine(
    plan: Plan, ask: Ask, limits: Limits, wanted: int, shuffle: Callable[[list[Variant]], None] | None = None
) -> Examination:
    """Run up to `wanted` mutants of `plan`. `shuffle`: in place; by default with the system's randomness."""
    base = ask(plan.original, seed=SEEDS[0], expected=None, wall_s=limits.wall_s, cpu_s=float(limits.cpu_s))
    examination = Examination(base, tuple(_passed(base)))
    if base.ended == "timeout":
        examination.fault = "its tests do not end on the original"
    if not examination.stable or examination.fault:
        return examination
    budget = _Budget(ask, limits, examination)
    again = budget.run(plan.original, None, SEEDS[1])
    _drop_unstable(examination, again)
    budget.spent_cpu_s = budget.spent_wall_s = 0.0
    if examination.stable:
        _run_variants(plan, budget, examination, wanted, shuffle or random.SystemRandom().shuffle)
    examination.cpu_s, examination.wall_s = budget.spent_cpu_s + again.cpu_s, budget.spent_wall_s + again.wall_s
    return examination


def _run_variants(
    plan: Plan, budget: _Budget, examination: Examination, wanted: int, shuffle: Callable[[list[Variant]], None]
) -> None:
    first, spare = list(plan.mutants[:wanted]), list(plan.mutants[wanted:])
    order = [*plan.controls, *first]
    shuffle(order)
    seen: dict[int, TestRun] = {}
    for variant in order:
        if variant.code and (variant.kind == CONTROL or not budget.is_spent()):
            seen[id(variant)] = budget.run(variant, examination.stable)
    for control in plan.controls:
        if id(control) in seen:
            examination.controls[control.name] = _judge_control(plan, control, seen[id(control)], budget, examination)
    for variant in first:
        fate = _fate_of(variant, seen.get(id(variant)), budget, examination)
        examination.mutants.append((variant, fate))
        while fate == STILLBORN and spare:
            another = spare.pop(0)  # takes its place
            run = budget.run(another, examination.stable) if another.code and not budget.is_spent() else None
            fate = _fate_of(another, run, budget, examination)
            examination.mutants.append((another, fate))


def _judge_control(plan: Plan, control: Variant, run: TestRun, budget: _Budget, examination: Examination) -> str:
    """The test that fails on this control and on the original never; empty if none does."""
    culprits = [_find_failure(run, examination)]
    while culprits[-1] and len(culprits) <= CONFIRMATIONS:
        _drop_unstable(examination, budget.run(plan.original, None))
        culprits.append(_find_failure(budget.run(control, examination.stable), examination))
    if not culprits[-1] and len(culprits) > 1:
        # or tests that fail by the dice, or by the clock, on whatever is not the original would gain by every mutant
        examination.is_doubted = True
        _drop(examination, set(culprits).intersection(examination.stable))
    return culprits[-1]


def _find_failure(run: TestRun, examination: Examination) -> str:
    failed = _first_failure(run, examination.stable)
    if failed:
        return failed[0]
    has_ended = run.ended in {"finished", "no_tests"} or run.ended == examination.base.ended
    return "" if has_ended else f"the run ({run.ended})"


def _fate_of(variant: Variant, run: TestRun | None, budget: _Budget, examination: Examination) -> str:
    if run is None:
        return NOT_RUN
    failed = _first_failure(run, examination.stable)
    stopped = any(test.outcome in FAILED and test.name in examination.flaky for test in run.outcomes)
    if not failed and stopped and examination.stable and not budget.is_spent():
        # it was stopped at a test that only later turned out to fail at random
        run = budget.run(variant, examination.stable)
        failed = _first_failure(run, examination.stable)
    fate = _fate(run, failed, examination.base)
    return _confirm(variant, fate, failed, budget, examination) if examination.is_doubted and fate in KILLED else fate


def _confirm(
    variant: Variant, fate: str, failed: tuple[str, str] | None, budget: _Budget, examination: Examination
) -> str:
    """The fate of a mutant that was noticed once: noticed by the same again, or not at all."""
    if budget.is_spent():
        return NOT_RUN
    again = budget.run(variant, examination.stable)
    found = _first_failure(again, examination.stable)
    is_same = found[0] == failed[0] if found and failed else _fate(again, found, examination.base) == fate
    return fate if is_same else SURVIVED


def _fate(run: TestRun, failed: tuple[str, str] | None, base: TestRun) -> str:
    if not run.loaded:
        return STILLBORN
    if failed:
        return KILLED_ASSERT if failed[1].startswith(ASSERTED) else KILLED_CRASH
    if run.ended == "timeout":
        return KILLED_TIMEOUT
    return SURVIVED if run.ended in {"finished", "no_tests", base.ended} else KILLED_CRASH


def _first_failure(run: TestRun, stable: Sequence[str]) -> tuple[str, str] | None:
    """Name and message of the first stable test that failed."""
    wanted = set(stable)
    return next(
        ((test.name, test.message) for test in run.outcomes if test.outcome in FAILED and test.name in wanted), None
    )


def _passed(run: TestRun) -> list[str]:
    return [test.name for test in run.outcomes if test.outcome == "passed"]


def _drop_unstable(examination: Examination, again: TestRun) -> None:
    """Tests that do not do on the original what they did the first time are flaky: neither passed, nor killers."""
    first = {test.name: test.outcome for test in examination.base.outcomes}
    now = {test.name: test.outcome for test in again.outcomes}
    differing = {name for name in first.keys() | now.keys() if first.get(name) != now.get(name)}
    _drop(examination, differing)


def _drop(examination: Examination, flaky: set[str]) -> None:
    examination.flaky = tuple(sorted({*examination.flaky, *flaky}))
    examination.stable = tuple(name for name in examination.stable if name not in flaky)
