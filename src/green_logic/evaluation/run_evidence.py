"""What a result keeps of a run of tests."""

from __future__ import annotations

from green_logic.evaluation.testrun import TestRun

MESSAGE_LIMIT = 20  # failed tests whose messages are kept in the evidence


def describe_run(run: TestRun, passed: int, total: int) -> dict[str, object]:
    """The evidence of one run of which `passed` of `total` tests count as passed."""
    failed = [test for test in run.outcomes if test.outcome != "passed"]
    return {
        "passed": passed,
        "total": total,
        "ended": run.ended,
        "detail": run.detail,
        "tamper": run.tamper,
        "runner": run.runner,
        **({"fallback": run.fallback} if run.fallback else {}),
        **({"cut": list(run.cut)} if run.cut else {}),
        "tests": {test.name: test.outcome for test in run.outcomes},
        "messages": {test.name: test.message for test in failed[:MESSAGE_LIMIT]},
    }


def all_passed(run: TestRun) -> bool:
    """Whether every test that ran passed."""
    return all(test.outcome == "passed" for test in run.outcomes)
