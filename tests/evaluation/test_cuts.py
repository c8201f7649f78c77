"""A hidden test that hangs fails, the others are judged, and hanging gains nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from green_logic.evaluation import cuts
from green_logic.evaluation.cuts import MAX_CUTS, run_through
from green_logic.evaluation.isolation.earlier import NOTHING, Earlier
from green_logic.evaluation.run_evidence import describe_run
from green_logic.evaluation.sandbox import Sandbox
from green_logic.evaluation.testrun import BY_CLOCK, BY_TEST, Limits, TestOutcome, TestRun

LIMITS = Limits.of_time(1.5)
CUT = "cut: one test took more than 0.6 s"
SOLUTION = """
def f(n):
    if n < 0:
        while True: pass
    return n
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.open(workers=1, limits=LIMITS) as opened:
        yield opened


def outcomes(run: TestRun) -> dict[str, str]:
    return {outcome.name: outcome.outcome for outcome in run.outcomes}


def asking(*numbers: int) -> str:
    return "from solution import f\n" + "".join(
        f"def test_{place}(): assert f({number}) == {number}\n" for place, number in enumerate(numbers)
    )


# --- what is run


@pytest.mark.parametrize(
    ("more", "runner"),
    [("", "mini"), ("import pytest\n@pytest.fixture\ndef nothing(): pass\ndef test_z(nothing): pass\n", "pytest")],
)
@pytest.mark.parametrize("split", [None, False])
def test_the_tests_after_one_that_hangs_are_run(sandbox: Sandbox, more: str, runner: str, split: bool | None) -> None:
    run = sandbox.run_tests(SOLUTION, asking(1, -1, 2) + more, kind="hidden", split=split)
    expected = {"test_0": "passed", "test_1": "failed", "test_2": "passed"} | ({"test_z": "passed"} if more else {})
    assert (run.ended, run.detail, run.cut) == ("finished", "", ("test_1",))
    assert outcomes(run) == expected
    assert list(outcomes(run)) == sorted(expected)
    assert [outcome.message for outcome in run.outcomes if outcome.outcome == "failed"] == [CUT]
    assert run.runner == (runner if split is None else "pytest")


@pytest.mark.parametrize(
    ("numbers", "passed"), [((-1, 1), {"test_1"}), ((1, -1), {"test_0"}), ((-1, -1, 3, -1, 4), {"test_2", "test_4"})]
)
def test_the_first_the_last_and_several_may_hang(sandbox: Sandbox, numbers: tuple[int, ...], passed: set[str]) -> None:
    run = sandbox.run_tests(SOLUTION, asking(*numbers), kind="hidden")
    assert run.ended == "finished"
    assert {name for name, outcome in outcomes(run).items() if outcome == "passed"} == passed
    assert set(outcomes(run)) == {f"test_{place}" for place in range(len(numbers))}


@pytest.mark.parametrize("split", [None, False])
@pytest.mark.parametrize("numbers", [(-1,), (1, -1)])
def test_a_last_test_that_hangs_is_not_forgotten(
    sandbox: Sandbox, numbers: tuple[int, ...], split: bool | None
) -> None:
    """By pytest, which then has none to run."""
    run = sandbox.run_tests(SOLUTION, asking(*numbers).replace("()", "(capsys)"), kind="hidden", split=split)
    assert (run.ended, run.runner, run.cut) == ("finished", "pytest", (f"test_{len(numbers) - 1}",))
    assert [outcome.outcome for outcome in run.outcomes] == ["passed", "failed"][-len(numbers) :]


def test_more_tests_that_hang_than_are_cut_end_the_run(sandbox: Sandbox) -> None:
    run = sandbox.run_tests(SOLUTION, asking(*[-1] * (MAX_CUTS + 2), 5), kind="hidden")
    assert (run.ended, run.detail) == ("timeout", "one test took more than 0.6 s")
    assert outcomes(run) == {f"test_{place}": "failed" for place in range(MAX_CUTS)}
    assert run.cut == tuple(f"test_{place}" for place in range(MAX_CUTS))


def test_every_case_of_a_parameter_list_counts_by_itself(sandbox: Sandbox) -> None:
    tests = (
        "import pytest\nfrom solution import f\nclass TestF:\n    @pytest.mark.parametrize('n', [1, -2, 3])\n"
        "    def test_f(self, n): assert f(n) == n\n"
    )
    run = sandbox.run_tests(SOLUTION, tests, kind="hidden")
    assert outcomes(run) == {"TestF::test_f[1]": "passed", "TestF::test_f[-2]": "failed", "TestF::test_f[3]": "passed"}


@pytest.mark.parametrize(
    "source", ["while True: pass", "def f(n): return n\nimport time\nwhile not time.sleep(0): pass"]
)
def test_a_solution_that_hangs_while_it_is_imported_has_no_test_to_blame(sandbox: Sandbox, source: str) -> None:
    run = sandbox.run_tests(source, asking(1, 2), kind="hidden")
    assert (run.ended, run.detail, run.outcomes, run.cut) == ("timeout", "wall time limit of 1.5 s", (), ())


def test_a_submissions_own_tests_have_only_the_limit_of_all(sandbox: Sandbox) -> None:
    tests = "def test_0(): f(1)\ndef test_1(): f(-1)\ndef test_2(): pass\n"
    run = sandbox.run_tests(SOLUTION, tests, kind="own")
    assert (run.ended, run.detail, run.cut) == ("timeout", "wall time limit of 1.5 s", ())


def test_without_a_hanging_test_nothing_is_said_of_cuts(sandbox: Sandbox) -> None:
    run = sandbox.run_tests(SOLUTION, asking(1, 2), kind="hidden")
    assert run.ended == "finished"
    assert "cut" not in describe_run(run, 2, 2)
    hanging = sandbox.run_tests(SOLUTION, asking(1, -1), kind="hidden")
    assert describe_run(hanging, 1, 2)["cut"] == ["test_1"]
    assert describe_run(hanging, 1, 2)["messages"] == {"test_1": CUT}


# --- what hanging gains


def test_hanging_never_keeps_a_case_from_being_run(sandbox: Sandbox) -> None:
    """The solution says what the first test is made of, and says less after it hung: the numbers of tests move."""
    source = """
import os
CASES = list(range(int.from_bytes(os.urandom(1), "big") % 7))
def f(n):
    if n == 3:
        while True: pass
    return n if n < 4 else -1
"""
    tests = """
import pytest, solution
@pytest.mark.parametrize("case", solution.CASES)
def test_case(case): assert case >= 0
@pytest.mark.parametrize("n", range(8))
def test_f(n): assert solution.f(n) == n
def test_last(): assert solution.f(1) == 1
"""
    for _ in range(4):
        run = sandbox.run_tests(source, tests, kind="hidden")
        found = {name: outcome for name, outcome in outcomes(run).items() if name.startswith("test_f")}
        assert set(found) | {"test_last"} <= set(outcomes(run)) or run.ended == "timeout"
        assert [name for name, outcome in found.items() if outcome == "passed" and int(name[7]) > 2] == []


@pytest.mark.parametrize(
    "trick",
    [
        "raise type('cut', (Exception,), {})('one test took more than 0.6 s')",
        "raise AssertionError('cut: one test took more than 0.6 s')",
    ],
)
def test_a_failure_that_reads_like_a_cut_is_none(sandbox: Sandbox, trick: str) -> None:
    run = sandbox.run_tests(f"def f(n):\n    {trick}", asking(1, 2), kind="hidden")
    assert (run.ended, run.cut) == ("finished", ())
    assert set(outcomes(run).values()) == {"failed"}


def test_every_test_that_hung_is_failed_whatever_the_solution_does_the_second_time(sandbox: Sandbox) -> None:
    """Files do not outlive a pair, so it tosses a coin: whichever hung is cut and not asked again."""
    source = """
import os
def f(n):
    if n == 2 and os.urandom(1)[0] < 128:
        while True: pass
    return n
"""
    for _ in range(4):
        run = sandbox.run_tests(source, asking(1, 2, 3), kind="hidden")
        expected = "failed" if run.cut else "passed"
        assert outcomes(run) == {"test_0": "passed", "test_1": expected, "test_2": "passed"}


# --- the budget


class Script:
    """Answers with one run after the other, and keeps what was asked."""

    def __init__(self, *runs: TestRun) -> None:
        self.runs = list(runs)
        self.asked: list[tuple[Earlier, float]] = []

    def __call__(self, earlier: Earlier, limits: Limits) -> TestRun:
        self.asked.append((earlier, limits.wall_s))
        return self.runs.pop(0) if len(self.runs) > 1 else self.runs[0]


def run_of(*names: str, detail: str = "", wall_s: float = 1.0, cpu_s: float = 1.0, ended: str = "") -> TestRun:
    told = tuple(TestOutcome(name, "failed" if name[0] == "!" else "passed", "") for name in names)
    return TestRun(told, ended or ("timeout" if detail else "finished"), detail, "", wall_s, cpu_s)


HANGS = f"{BY_TEST} 4 s"


def test_a_run_without_a_cut_is_what_it_was() -> None:
    run = run_of("a", "b")
    ask = Script(run)
    assert run_through(ask, Limits()) is run
    assert ask.asked == [(NOTHING, 10.0)]


def test_the_time_of_a_hanging_test_is_not_taken_from_the_others() -> None:
    ask = Script(run_of("a", detail=HANGS, wall_s=5.5, cpu_s=5.0), run_of("!b", "c"))
    run = run_through(ask, Limits())
    assert ask.asked == [(NOTHING, 10.0), (Earlier(("a",), f"cut: {HANGS}"), 8.5)]
    assert (run.ended, run.cut, [o.name for o in run.outcomes]) == ("finished", ("!b",), ["a", "!b", "c"])
    assert (run.wall_s, run.cpu_s) == (6.5, 6.0)


@pytest.mark.parametrize(
    ("make", "asked"),
    [
        (lambda: run_of(detail=HANGS, wall_s=4.0, cpu_s=4.0), MAX_CUTS + 1),  # it hangs before any test, each time
        (lambda: run_of("a", detail=HANGS, wall_s=9.0, cpu_s=9.0), 2),  # five seconds each beside the test's four
        (lambda: run_of(detail=HANGS, wall_s=4.0, cpu_s=0.0), MAX_CUTS + 2),  # one of them gets a second chance
        (lambda: run_of("a", detail=f"{BY_CLOCK} 10 s", wall_s=10.0, cpu_s=9.0), 1),
        (lambda: run_of("a", detail=f"{BY_CLOCK} 10 s", wall_s=10.0, cpu_s=1.0), 2),
    ],
)
def test_the_number_of_runs_is_bounded(make: Callable[[], TestRun], asked: int) -> None:
    ask = Script(make())
    assert run_through(ask, Limits()).ended == "timeout"
    assert len(ask.asked) == asked


def test_a_test_that_waited_when_it_was_cut_gets_another_chance() -> None:
    ask = Script(run_of("a", detail=HANGS, wall_s=4.0, cpu_s=0.1), run_of("a", "b"))
    run = run_through(ask, Limits())
    assert (run.ended, run.cut, [o.name for o in run.outcomes]) == ("finished", (), ["a", "b"])
    assert ask.asked == [(NOTHING, 10.0)] * 2


def test_a_run_that_is_over_time_after_a_cut_says_the_limit_of_all() -> None:
    ask = Script(
        run_of("a", detail=HANGS, wall_s=5.25, cpu_s=5.0),
        run_of("!b", "c", detail=f"{BY_CLOCK} 8.75 s", wall_s=8.75, cpu_s=8.0),
    )
    run = run_through(ask, Limits())
    assert (run.ended, run.detail, run.cut) == ("timeout", f"{BY_CLOCK} 10 s", ("!b",))


@pytest.mark.parametrize("ended", ["crashed", "import_error"])
def test_how_the_last_run_ended_is_how_all_did(ended: str) -> None:
    ask = Script(run_of("a", detail=HANGS), run_of(detail="why", ended=ended))
    run = run_through(ask, Limits())
    assert (run.ended, run.detail, [o.name for o in run.outcomes]) == (ended, "why", ["a"])


def test_a_cut_of_the_last_test_leaves_nothing_to_run() -> None:
    ask = Script(run_of("a", detail=HANGS), run_of("!b", ended="no_tests"))
    run = run_through(ask, Limits())
    assert (run.ended, run.cut) == ("finished", ("!b",))


def test_a_name_that_changes_from_run_to_run_is_known_all_the_same() -> None:
    failed: list[tuple[str, str]] = []
    earlier = Earlier(("test_a[0x…]", "test_b"), "cut")
    left = earlier.leave(["test_a[0x7f00ff]", "test_b", "test_c", "test_d"], str, lambda *told: failed.append(told))
    assert (left, failed) == (["test_d"], [("test_c", "cut")])


def test_the_numbers_are_part_of_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    before = cuts.constants()
    monkeypatch.setattr(cuts, "MAX_CUTS", MAX_CUTS + 1)
    assert cuts.constants() != before


def test_the_limit_of_a_test_grows_with_that_of_a_run_but_not_beyond_its_processor_time() -> None:
    assert (Limits.of_time(10.0), Limits.of_time(5.0).test_s) == (Limits(), 2.0)
    assert Limits.of_time(600.0).test_s < Limits.of_time(600.0).cpu_s
