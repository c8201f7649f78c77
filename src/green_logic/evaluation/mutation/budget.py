"""What the runs of one battle may cost, each of them and all together.

CPU time hardly depends on what else the machine does, and is the first limit. The clock is the second one, for tests
that wait. It runs on while the machine is busy with something else, so a run that only the clock stopped proves
nothing: `is_by_clock` tells such runs, and whoever asked for one asks again, with `PATIENCE`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from green_logic.evaluation.mutation.plan import CONTROL, ORIGINAL, Variant
from green_logic.evaluation.testrun import Limits, TestRun

BUDGET_CPU_S = 8.0  # for everything but the original's first run
FIRST_CPU_S = BUDGET_CPU_S / 2  # for that one: no time would be left for its repetition and the controls
BUDGET_WALL_S = 30.0  # likewise: tests that wait cost nothing else
SLOWER = 10  # times as long as the original a variant may run,
MORE_CPU_S = 0.2  # and so much longer: a loop without an end costs this
MORE_WALL_S = 1.0  # the same by the clock, which a busy machine stretches
PATIENCE = 3  # times as long by the clock has a variant that the clock stopped, when it is run again
MARGIN = 1.25  # times the original's cost that one more run is thought to take, for CPU times differ
TINY_S = 0.001  # no run costs less
SEEDS = (0, 1)  # of `random` for the original and its repetition; every other variant has the first


class Ask(Protocol):
    """Has one variant run in the sandbox. `expected`: stop at the first of these that fails; None: run all tests."""

    def __call__(
        self, variant: Variant, *, seed: int, expected: Sequence[str] | None, wall_s: float, cpu_s: float
    ) -> Callable[[], TestRun]:
        """What waits for the run. The sandbox does one run after the other, in the order in which they were asked for.

        Both this and the waiting raise RetryableError when the sandbox failed.
        """


@dataclass(frozen=True)
class _Begun:
    """A run that was asked for. `bounds`: the seconds by the clock and of CPU time that it may take at most."""

    variant: Variant
    bounds: tuple[float, float]
    wanted: tuple[float, float]  # what it would have, were there enough of both
    wait: Callable[[], TestRun]


class Budget:
    """Runs variants within what a battle may cost."""

    def __init__(self, ask: Ask, limits: Limits, base: TestRun, controls: int) -> None:
        """`base`: how the original ran; `controls`: how many are to come."""
        self._ask, self._limits, self._controls = ask, limits, controls
        # what one run takes by the clock and of CPU time: the least that the original was seen to take, for a machine
        # that was busy once must not leave time for fewer mutants
        self._costs = base.wall_s, base.cpu_s
        self._wall_s = min(limits.wall_s, MORE_WALL_S + SLOWER * base.wall_s)
        self._cpu_s = min(float(limits.cpu_s), MORE_CPU_S + SLOWER * base.cpu_s)
        self._is_kept = True  # whether no run took twice what it might: processes that it starts have a clock each
        self.spent_cpu_s = self.spent_wall_s = 0.0
        self.runs = 0
        self.exhausted = ""  # what was used up first: "cpu" or "wall"; empty if neither was

    def run(self, variant: Variant, expected: Sequence[str] | None, *, patience: int = 1) -> TestRun | None:
        """One run; None if there is no time left for it, or not enough to end it."""
        bounds = min(self._limits.wall_s, patience * self._wall_s), self._cpu_s
        return self._end(self._begin(variant, SEEDS[0], expected, bounds))

    def run_each(self, variants: Sequence[Variant], expected: Sequence[str] | None) -> list[TestRun | None]:
        """One run of each, as `run` does it.

        While one is on its way, the next is asked for already, so that the sandbox need not wait for the judge; but
        only where there is time for both whatever they take, so that each has the bounds that it would have alone.
        """
        bounds = self._wall_s, self._cpu_s
        runs: list[TestRun | None] = []
        ahead: _Begun | None = None
        for place, variant in enumerate(variants, start=1):
            begun = ahead or self._begin(variant, SEEDS[0], expected, bounds)
            ahead = None
            if begun and place < len(variants) and self._has_time_beside(begun, bounds):
                ahead = self._begin(variants[place], SEEDS[0], expected, bounds)
            runs.append(self._end(begun))
        return runs

    def run_original(self, original: Variant, seed: int = SEEDS[0]) -> tuple[TestRun | None, bool]:
        """All its tests, with as much time by the clock as at first; and whether the clock stopped one run before."""
        bounds = self._limits.wall_s, self._cpu_s
        run = self._end(self._begin(original, seed, None, bounds))
        if run is None or not self.was_stopped_by_clock(run):
            if run and run.ended != "timeout":
                self._costs = min(self._costs[0], run.wall_s), min(self._costs[1], run.cpu_s)
            return run, False
        return self._end(self._begin(original, seed, None, bounds)), True

    def was_stopped_by_clock(self, run: TestRun) -> bool:
        """Whether `run` proves nothing."""
        return is_by_clock(run, self._cpu_s)

    def select(self, mutants: Sequence[Variant]) -> Sequence[Variant]:
        """The first of them that there is time for beside the controls, if each takes as long as the original."""
        rooms = {
            name: int(left / (MARGIN * max(cost, TINY_S)))
            for name, left, cost in zip(("wall", "cpu"), self._find_left(self._controls), self._costs, strict=True)
        }
        scarce = min(rooms, key=lambda name: rooms[name])
        if rooms[scarce] < len(mutants):
            self.exhausted = self.exhausted or scarce
        return mutants[: max(rooms[scarce], 0)]

    def _find_left(self, controls: int) -> tuple[float, float]:
        """Seconds by the clock and of CPU time, without what is kept for so many controls."""
        kept = MARGIN * controls
        return (
            BUDGET_WALL_S - self.spent_wall_s - kept * self._costs[0],
            BUDGET_CPU_S - self.spent_cpu_s - kept * self._costs[1],
        )

    def _has_time_beside(self, begun: _Begun, bounds: tuple[float, float]) -> bool:
        """Whether another run may take all of `bounds`, though the one that is on its way takes all of its own."""
        left = self._find_left(self._controls)
        return self._is_kept and all(
            have - taken >= wanted for have, taken, wanted in zip(left, begun.bounds, bounds, strict=True)
        )

    def _begin(
        self, variant: Variant, seed: int, expected: Sequence[str] | None, wanted: tuple[float, float]
    ) -> _Begun | None:
        """None if there is no time left for it."""
        # a control may have what is kept for controls, and the original is asked for their sake
        left_wall_s, left_cpu_s = self._find_left(0 if variant.kind in {CONTROL, ORIGINAL} else self._controls)
        if left_wall_s < self._costs[0] or left_cpu_s < self._costs[1]:
            self.exhausted = self.exhausted or ("wall" if left_wall_s < self._costs[0] else "cpu")
            return None
        wall_s, cpu_s = min(wanted[0], left_wall_s), min(wanted[1], left_cpu_s)
        wait = self._ask(variant, seed=seed, expected=expected, wall_s=wall_s, cpu_s=cpu_s)
        return _Begun(variant, (wall_s, cpu_s), wanted, wait)

    def _end(self, begun: _Begun | None) -> TestRun | None:
        """How it ran; None if it was not begun, or had less time than it was wanted to have and needed more."""
        if begun is None:
            return None
        run = begun.wait()
        self.spent_cpu_s += run.cpu_s
        self.spent_wall_s += run.wall_s
        self.runs += 1
        (wall_s, cpu_s), wanted = begun.bounds, begun.wanted
        self._is_kept &= run.cpu_s <= 2 * cpu_s
        by_clock = is_by_clock(run, cpu_s)
        if run.ended == "timeout" and (wall_s < wanted[0] if by_clock else cpu_s < wanted[1]):
            self.exhausted = self.exhausted or ("wall" if by_clock else "cpu")
            return None  # stopped for the sake of the battle: longer, it might have ended well
        if begun.variant.kind == CONTROL:
            self._controls = max(self._controls - 1, 0)
        return run


def is_by_clock(run: TestRun, cpu_s: float) -> bool:
    """Whether only the clock stopped a run that might have taken `cpu_s`: it waited, or the machine let it wait."""
    return run.ended == "timeout" and run.cpu_s < cpu_s
