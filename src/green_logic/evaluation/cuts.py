"""Runs tests to their end though some of them hang.

A hidden test that takes too long fails, and new processes run those after it: nothing is left of what hung, nor of what
the solution remembers. All together have the time of one run, to which each of at most `MAX_CUTS` hanging tests adds
its own. A run that waited when the clock stopped it is done again, once for a battle: the machine may have stood still.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from green_logic.evaluation.isolation.earlier import Earlier
from green_logic.evaluation.testrun import (
    BY_CLOCK,
    BY_TEST,
    MAX_OUTPUT,
    MOST_TEST_S,
    TEST_SHARE,
    Limits,
    TestOutcome,
    TestRun,
    has_waited,
)

MAX_CUTS = 3
# of how hidden tests are run (what crosses in split execution, what needs one process): one higher when an L may change
DEFINITION = 2

Ask = Callable[[Earlier, Limits], TestRun]


def constants() -> dict[str, object]:
    """What decides how hidden tests are run, and which; part of the profile."""
    return {"definition": DEFINITION, "cuts": MAX_CUTS, "test_share": TEST_SHARE, "most_test_s": MOST_TEST_S}


def run_through(ask: Ask, limits: Limits) -> TestRun:
    """What the runs that `ask` makes give together: the first one, and one after each test that took too long."""
    runs: list[TestRun] = []
    cut: list[str] = []
    earlier, left_s, chances = Earlier(), limits.wall_s, 1
    while True:
        run = ask(earlier, replace(limits, wall_s=left_s))
        if chances and has_waited(run):
            chances -= 1
            run = ask(earlier, replace(limits, wall_s=left_s))
        if earlier.cut:
            # told before any test was run; what could not be collected is an error
            cut += [outcome.name for outcome in run.outcomes if outcome.outcome == "failed"][:1]
        runs.append(run)
        left_s -= max(run.wall_s - limits.test_s, 0.0)
        if not run.detail.startswith(BY_TEST) or len(runs) > MAX_CUTS or left_s <= 0:
            return _join(runs, cut, limits) if len(runs) > 1 else run
        earlier = Earlier((*earlier.names, *(outcome.name for outcome in run.outcomes)), f"cut: {run.detail}")


def _join(runs: list[TestRun], cut: list[str], limits: Limits) -> TestRun:
    last = runs[-1]
    outcomes: dict[str, TestOutcome] = {}
    for outcome in (outcome for run in runs for outcome in run.outcomes):
        outcomes.setdefault(outcome.name, outcome)  # only what cannot be collected is told by each of them
    is_over = last.ended in {"finished", "no_tests"}  # no test was left
    detail = f"{BY_CLOCK} {limits.wall_s:g} s" if last.detail.startswith(BY_CLOCK) else last.detail
    return replace(
        last,
        outcomes=tuple(outcomes.values()),
        ended="finished" if is_over else last.ended,
        detail="" if is_over else detail,
        output="".join(run.output for run in runs)[-MAX_OUTPUT:],
        wall_s=sum(run.wall_s for run in runs),
        cpu_s=sum(run.cpu_s for run in runs),
        calls=sum(run.calls for run in runs),
        cut=tuple(cut),
    )
