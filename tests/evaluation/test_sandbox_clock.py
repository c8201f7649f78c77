"""A run that only the clock stopped is done again: a machine that stands still for seconds decides no score."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
from halting import WHILE, halted_guest

from green_logic.evaluation.sandbox import Limits, Sandbox

SOURCE = "def f(n): return n + 1\n"
TESTS = "from solution import f\ndef test_a(): assert f(1) == 2\n" + WHILE
BUSY_SOLUTION = "def f(n):\n    return sum(k % 7 == 3 for k in range(n))\n"
HIDDEN = "from solution import f\ndef test_a(): assert f(2_000_000) > 0\n"
WAITS = "import threading\ndef f(n): threading.Event().wait()\n"
Kind = Literal["own", "hidden"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.open(workers=1, limits=Limits(wall_s=4)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("source", "tests", "kind"),
    [(SOURCE, TESTS, "own"), (SOURCE, TESTS, "hidden"), (BUSY_SOLUTION, HIDDEN, "hidden")],
    ids=["own tests", "hidden tests", "a solution under hidden tests"],
)
def test_a_machine_that_stops_in_the_middle_of_a_run_changes_no_result(
    sandbox: Sandbox, source: str, tests: str, kind: Kind
) -> None:
    with halted_guest(sandbox, 0) as halted:
        run = sandbox.run_tests(source, tests, kind=kind)
    assert halted.is_set()
    assert (run.ended, {outcome.outcome for outcome in run.outcomes}) == ("finished", {"passed"})


@pytest.mark.parametrize("kind", ["own", "hidden"])
def test_tests_that_wait_for_ever_are_stopped_all_the_same(sandbox: Sandbox, kind: Kind) -> None:
    tests = "from solution import f\ndef test_a(): f(1)\n"
    run = sandbox.run_tests(WAITS, tests, kind=kind, limits=Limits(wall_s=1))
    assert (run.ended, run.detail) == ("timeout", "wall time limit of 1 s")
    assert sandbox.run_tests(SOURCE, TESTS, kind=kind).ended == "finished"


@pytest.mark.parametrize("kind", ["own", "hidden"])
def test_a_loop_without_an_end_is_stopped_by_cpu_time_and_only_once(kind: Kind) -> None:
    loop = "from solution import f\ndef test_a():\n    while True: f(1)\n"
    with Sandbox.open(workers=1, limits=Limits(wall_s=60, cpu_s=1)) as opened, halted_guest(opened, 1) as halted:
        assert opened.run_tests(SOURCE, loop, kind=kind, split=False).ended == "timeout"
    assert not halted.is_set(), "there was no second guest"
