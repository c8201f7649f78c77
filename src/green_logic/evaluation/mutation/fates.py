"""What one run says of the variant that it was on, given the tests that pass on the original whenever it runs."""

from __future__ import annotations

from collections.abc import Sequence

from green_logic.evaluation.testrun import TestRun

FAILED = frozenset({"failed", "error"})
ASSERTED = ("assert ", "AssertionError", "Failed: ")  # how the message of a failed check begins

KILLED_ASSERT, KILLED_CRASH, KILLED_TIMEOUT = "killed_assert", "killed_crash", "killed_timeout"
SURVIVED, STILLBORN, NOT_RUN = "survived", "stillborn", "not_run"
KILLED = frozenset({KILLED_ASSERT, KILLED_CRASH, KILLED_TIMEOUT})


def find_fate(run: TestRun, stable: Sequence[str], base: TestRun) -> str:
    """What became of a mutant; `base` is how the original ran."""
    if not run.loaded:
        return STILLBORN
    if failed := find_failure(run, stable):
        return KILLED_ASSERT if failed[1].startswith(ASSERTED) else KILLED_CRASH
    if run.ended == "timeout":
        return KILLED_TIMEOUT
    return SURVIVED if run.ended in {"finished", "no_tests", base.ended} else KILLED_CRASH


def find_culprit(run: TestRun, stable: Sequence[str], base: TestRun) -> str:
    """The test that fails on a control, or what else is wrong with its run; empty if nothing is."""
    if failed := find_failure(run, stable):
        return failed[0]
    has_ended = run.ended in {"finished", "no_tests"} or run.ended == base.ended
    return "" if has_ended else f"the run ({run.ended})"


def find_failure(run: TestRun, stable: Sequence[str]) -> tuple[str, str] | None:
    """Name and message of the first stable test that failed."""
    wanted = set(stable)
    return next(
        ((test.name, test.message) for test in run.outcomes if test.outcome in FAILED and test.name in wanted), None
    )


def find_differences(first: TestRun, second: TestRun) -> set[str]:
    """Tests that did not do the same in two runs of the same code."""
    outcomes = [{test.name: test.outcome for test in run.outcomes} for run in (first, second)]
    return {name for name in outcomes[0].keys() | outcomes[1].keys() if outcomes[0].get(name) != outcomes[1].get(name)}
