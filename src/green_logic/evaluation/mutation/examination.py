"""Runs a submission's own tests on the original, on it once more, on the controls and on mutants, and says what came.

Everything but the first two runs comes in a shuffled order that nobody can foresee, and every one of them is told the
same: tests that count their runs, or look around in their process, learn nothing about what they run on.

No run that only the clock stopped is believed: it is run again later, with more time.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from green_logic.evaluation.mutation.budget import FIRST_CPU_S, PATIENCE, SEEDS, Ask, Budget, is_by_clock
from green_logic.evaluation.mutation.fates import (
    FAILED,
    KILLED,
    NOT_RUN,
    STILLBORN,
    SURVIVED,
    find_culprit,
    find_differences,
    find_failure,
    find_fate,
)
from green_logic.evaluation.mutation.plan import Plan, Variant
from green_logic.evaluation.testrun import Limits, TestRun

CONFIRMATIONS = 2  # more runs of a control that failed, and of the original, before tests are accused
UNENDING = "its tests do not end on the original, or take too long"
TOO_SLOW = "its tests take too long to be tried on copies of the solution"
Shuffle = Callable[[list[Variant]], None]


@dataclass
class Examination:
    """What was seen. Mutants are in the plan's order, each with its fate."""

    base: TestRun
    stable: tuple[str, ...] = ()  # tests that pass on the original whenever it runs
    flaky: tuple[str, ...] = ()  # tests that passed once and failed once on the same code
    # name -> the test that fails on it; empty: none does; None: there was no time to find out
    controls: dict[str, str | None] = field(default_factory=dict)
    mutants: list[tuple[Variant, str]] = field(default_factory=list)
    fault: str = ""  # why no mutant was run, if none was
    exhausted: str = ""  # "cpu" or "wall": what ran out before all was run that should have been; empty if neither
    is_doubted: bool = False  # a control failed, and later passed: what was seen once proves nothing
    runs: int = 1
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def count(self, fate: str) -> int:
        """Mutants that ended so."""
        return sum(found == fate for _, found in self.mutants)

    def drop(self, flaky: set[str]) -> None:
        """Count these tests as flaky from now on: neither passed, nor killers."""
        self.flaky = tuple(sorted({*self.flaky, *flaky}))
        self.stable = tuple(name for name in self.stable if name not in flaky)


def examine(plan: Plan, ask: Ask, limits: Limits, wanted: int, shuffle: Shuffle | None = None) -> Examination:
    """Run up to `wanted` mutants of `plan`. `shuffle`: in place; by default with the system's randomness."""
    examination = _run_first(plan, ask, limits)
    base = examination.base
    if base.ended == "timeout":
        examination.fault = UNENDING
    if not examination.stable or examination.fault:
        return examination
    budget = Budget(ask, limits, base, len(plan.controls))
    _Course(plan, budget, examination).run(wanted, shuffle or random.SystemRandom().shuffle)
    examination.cpu_s, examination.wall_s = budget.spent_cpu_s, budget.spent_wall_s
    examination.runs += budget.runs
    if examination.fault or examination.count(NOT_RUN) or None in examination.controls.values():
        examination.exhausted = budget.exhausted
    return examination


def _run_first(plan: Plan, ask: Ask, limits: Limits) -> Examination:
    """The original's first run, or its second where only the clock stopped the first."""
    bounds = {"wall_s": limits.wall_s, "cpu_s": min(FIRST_CPU_S, limits.cpu_s)}
    base, runs = ask(plan.original, seed=SEEDS[0], expected=None, **bounds)(), 1
    if is_by_clock(base, bounds["cpu_s"]):
        base, runs = ask(plan.original, seed=SEEDS[0], expected=None, **bounds)(), 2
    passed = tuple(test.name for test in base.outcomes if test.outcome == "passed")
    return Examination(base, passed, is_doubted=runs > 1, runs=runs)


class _Course:
    """One examination from the original's repetition on."""

    def __init__(self, plan: Plan, budget: Budget, examination: Examination) -> None:
        self._plan, self._budget, self._seen = plan, budget, examination

    def run(self, wanted: int, shuffle: Shuffle) -> None:
        if not self._repeat_original(SEEDS[1]):
            self._seen.fault = TOO_SLOW
        elif self._seen.stable:
            # the first ones of the plan, not of the shuffled order: the same ones each time
            first = list(self._plan.mutants[:wanted])
            runs = self._run_all(self._budget.select(first), shuffle)
            self._judge_controls(runs)
            self._judge_mutants(first, list(self._plan.mutants[wanted:]), runs)

    def _repeat_original(self, seed: int = SEEDS[0]) -> bool:
        """Find tests that do not do on the original what they did at first; False if there was no time left."""
        again, was_stopped = self._budget.run_original(self._plan.original, seed)
        if again is None:
            return False
        self._seen.is_doubted |= was_stopped
        self._seen.drop(find_differences(self._seen.base, again))
        return True

    def _run_all(self, mutants: Sequence[Variant], shuffle: Shuffle) -> dict[int, TestRun]:
        """Controls and mutants in a shuffled order; what there was no time for is missing."""
        order = [variant for variant in (*self._plan.controls, *mutants) if variant.code]
        shuffle(order)
        found = zip(order, self._budget.run_each(order, self._seen.stable), strict=True)
        runs = {id(variant): run for variant, run in found if run is not None}
        for variant in order:
            if id(variant) not in runs:
                self._run_one(variant, runs)  # what was kept for controls is free now
        late = [variant for variant in order if id(variant) in runs and self._was_late(runs[id(variant)])]
        for variant in late:
            del runs[id(variant)]
        if late and self._repeat_original():
            for variant in late:
                self._run_one(variant, runs, PATIENCE)
        return runs

    def _run_one(self, variant: Variant, runs: dict[int, TestRun], patience: int = 1) -> None:
        run = self._budget.run(variant, self._seen.stable, patience=patience)
        if run is not None:
            runs[id(variant)] = run

    def _was_late(self, run: TestRun) -> bool:
        """Whether all that a run says is that the clock stopped it."""
        return self._budget.was_stopped_by_clock(run) and not find_failure(run, self._seen.stable)

    def _judge_controls(self, runs: dict[int, TestRun]) -> None:
        """Which tests fail on a control each time, and which only sometimes."""
        passed = []
        for control in self._plan.controls:
            run = runs.get(id(control))
            culprit = None if run is None else find_culprit(run, self._seen.stable, self._seen.base)
            self._seen.controls[control.name] = self._confirm_culprit(control, culprit) if culprit else culprit
            passed += [control] if culprit == "" else []
        for control in passed if self._seen.is_doubted else ():
            # chance may have spared it, where it did not spare another run
            if culprit := self._run_control(control):
                self._seen.drop({culprit} & {*self._seen.stable})

    def _confirm_culprit(self, control: Variant, culprit: str) -> str | None:
        """The test that fails on this control and on the original never; empty if none does; None: no time."""
        culprits = [culprit]
        while culprits[-1] and len(culprits) <= CONFIRMATIONS:
            again = self._run_control(control) if self._repeat_original() else None
            if again is None:
                return None
            culprits.append(again)
        if not culprits[-1]:
            # or tests that fail by the dice, or by the clock, on whatever is not the original gain by every mutant
            self._seen.is_doubted = True
            self._seen.drop(set(culprits).intersection(self._seen.stable))
        return culprits[-1]

    def _run_control(self, control: Variant) -> str | None:
        """What is wrong with one more run of a control; None if there was no time for it."""
        run = self._budget.run(control, self._seen.stable, patience=PATIENCE)
        return None if run is None else find_culprit(run, self._seen.stable, self._seen.base)

    def _judge_mutants(self, mutants: list[Variant], spare: list[Variant], runs: dict[int, TestRun]) -> None:
        for variant in mutants:
            fate = self._find_fate(variant, runs.get(id(variant)))
            self._seen.mutants.append((variant, fate))
            while fate == STILLBORN and spare:
                another = spare.pop(0)  # takes its place
                fate = self._find_fate(another, self._run_patiently(another) if another.code else None)
                self._seen.mutants.append((another, fate))

    def _run_patiently(self, variant: Variant) -> TestRun | None:
        run = self._budget.run(variant, self._seen.stable)
        if run is None or not self._was_late(run):
            return run
        return self._budget.run(variant, self._seen.stable, patience=PATIENCE)

    def _find_fate(self, variant: Variant, run: TestRun | None) -> str:
        """The fate of a mutant that ran so, once what was in doubt is confirmed."""
        stable: Sequence[str] = self._seen.stable
        stopped = run and any(test.outcome in FAILED and test.name in self._seen.flaky for test in run.outcomes)
        if run and stopped and stable and not find_failure(run, stable):
            # it was stopped at a test that only later turned out to fail at random
            run = self._run_patiently(variant)
        if run is None:
            return NOT_RUN
        fate = find_fate(run, stable, self._seen.base)
        return self._confirm(variant, fate, run) if self._seen.is_doubted and fate in KILLED else fate

    def _confirm(self, variant: Variant, fate: str, run: TestRun) -> str:
        """The fate of a mutant that was noticed once: noticed by the same again, or not at all."""
        again = self._run_patiently(variant)
        if again is None:
            return NOT_RUN
        found, failed = find_failure(again, self._seen.stable), find_failure(run, self._seen.stable)
        if found and failed:
            return fate if found[0] == failed[0] else SURVIVED
        return fate if find_fate(again, self._seen.stable, self._seen.base) == fate else SURVIVED
