"""In which order variants are run, what counts as noticed, and when tests are accused."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from green_logic.errors import RetryableError
from green_logic.evaluation.mutation import budget as bounds
from green_logic.evaluation.mutation import fates as rules
from green_logic.evaluation.mutation import verdict
from green_logic.evaluation.mutation.examination import TOO_SLOW, UNENDING, Examination, examine
from green_logic.evaluation.mutation.plan import CONTROL, MUTANT, ORIGINAL, Plan, Variant, parse_plan
from green_logic.evaluation.mutation.verdict import constants, judge_examination, judge_run, profile_suffix
from green_logic.evaluation.testrun import Limits, TestOutcome, TestRun

LIMITS = Limits()
TESTS = "def test_a(): ...\ndef test_b(): ...\n"


def run_of(
    ended: str = "finished", *, cpu_s: float = 0.01, wall_s: float = 0.0, loaded: bool = True, **outcomes: str
) -> TestRun:
    """A run; an outcome is "passed", or "failed" or "error" with the message behind a colon."""
    tests = [
        TestOutcome(name, said.partition(":")[0], said.partition(":")[2].strip()) for name, said in outcomes.items()
    ]
    return TestRun(tuple(tests), ended, "", "", max(wall_s, cpu_s), cpu_s, loaded=loaded)


GOOD = run_of(test_a="passed", test_b="passed")
FAILS = run_of(test_a="failed: assert 1 == 2")
RAISES = run_of(test_a="failed: TypeError: no")
UNLOADED = run_of("import_error", loaded=False)
NAMES = (ORIGINAL, "text", "bytecode", *(f"m{number}" for number in range(1, 9)))
OUT_OF_TIME = "the time of a battle was used up before its tests had shown that they pass on the bytecode control"


@dataclass
class Sandbox:
    """Answers from a table by the variant's name; a list is used up, one answer a run."""

    answers: dict[str, TestRun | list[TestRun]] = field(default_factory=dict)
    asked: list[tuple[str, int, Sequence[str] | None, float, float]] = field(default_factory=list)
    waited: list[str] = field(default_factory=list)
    on_their_way: list[int] = field(default_factory=list)  # runs asked for and not yet waited for, at each asking

    def __call__(
        self, variant: Variant, *, seed: int, expected: Sequence[str] | None, wall_s: float, cpu_s: float
    ) -> Callable[[], TestRun]:
        self.asked.append((variant.name, seed, expected, wall_s, cpu_s))
        self.on_their_way.append(len(self.asked) - len(self.waited))
        answer = self.answers.get(variant.name, GOOD)
        run = answer if isinstance(answer, TestRun) else answer.pop(0)

        def wait() -> TestRun:
            self.waited.append(variant.name)
            return run

        return wait


def plan_of(mutants: int = 3) -> Plan:
    def variant(kind: str, name: str, line: int = 0) -> Variant:
        return Variant(kind, name, line, b"code", "source")

    controls = tuple(variant(CONTROL, name) for name in ("text", "bytecode"))
    broken = tuple(variant(MUTANT, f"m{number}", number) for number in range(1, mutants + 1))
    return Plan(b"tests", variant(ORIGINAL, ORIGINAL), controls, broken)


def seen_with(wanted: int = 3, mutants: int = 3, **answers: TestRun | list[TestRun]) -> Examination:
    return examine(plan_of(mutants), Sandbox(dict(answers)), LIMITS, wanted, lambda _: None)


def fates(seen: Examination) -> dict[str, str]:
    return {variant.name: fate for variant, fate in seen.mutants}


def test_the_original_runs_twice_before_anything_else_and_differs_from_itself_by_the_seed() -> None:
    sandbox = Sandbox()
    seen = examine(plan_of(), sandbox, LIMITS, 3)
    assert [(name, seed) for name, seed, *_ in sandbox.asked[:2]] == [(ORIGINAL, 0), (ORIGINAL, 1)]
    assert sorted(name for name, *_ in sandbox.asked[2:]) == ["bytecode", "m1", "m2", "m3", "text"]
    assert seen.runs == 7


def test_controls_and_mutants_are_asked_for_alike() -> None:
    sandbox = Sandbox()
    examine(plan_of(), sandbox, LIMITS, 3)
    assert len({str(words) for _, *words in sandbox.asked[2:]}) == 1


def test_their_order_is_shuffled() -> None:
    orders = set()
    for _ in range(20):
        sandbox = Sandbox()
        examine(plan_of(8), sandbox, LIMITS, 8)
        orders.add(tuple(name for name, *_ in sandbox.asked))
    assert len(orders) > 10


@pytest.mark.parametrize(
    ("answer", "fate"),
    [
        (GOOD, rules.SURVIVED),
        (FAILS, rules.KILLED_ASSERT),
        (run_of(test_a="failed: AssertionError: 1 != 2"), rules.KILLED_ASSERT),
        (run_of(test_a="failed: Failed: DID NOT RAISE"), rules.KILLED_ASSERT),
        (RAISES, rules.KILLED_CRASH),
        (run_of(test_a="error: KeyError: 'x'"), rules.KILLED_CRASH),
        (run_of("crashed"), rules.KILLED_CRASH),
        (run_of("import_error"), rules.KILLED_CRASH),
        (run_of("timeout"), rules.KILLED_TIMEOUT),
        (run_of(test_a="skipped: not mine", test_b="skipped"), rules.SURVIVED),
        (run_of("no_tests"), rules.SURVIVED),
        (run_of(test_c="failed: assert 0"), rules.SURVIVED),
        (UNLOADED, rules.STILLBORN),
        (run_of("timeout", loaded=False), rules.STILLBORN),
        (run_of("crashed", loaded=False), rules.STILLBORN),
    ],
)
def test_a_mutant_is_noticed_when_a_test_that_passes_fails(answer: TestRun, fate: str) -> None:
    assert fates(seen_with(m2=answer)) == {"m1": rules.SURVIVED, "m2": fate, "m3": rules.SURVIVED}


def test_a_test_that_fails_on_the_original_notices_nothing() -> None:
    base = run_of(test_a="failed: assert 0", test_b="passed")
    seen = seen_with(original=base, m1=run_of(test_a="failed: assert 1"), text=base, bytecode=base, m2=base, m3=base)
    assert seen.stable == ("test_b",)
    assert set(fates(seen).values()) == {rules.SURVIVED}


def test_tests_that_end_their_process_everywhere_notice_nothing_by_it() -> None:
    dead = run_of("crashed", test_a="passed")
    seen = seen_with(original=dead, text=dead, bytecode=dead, m1=dead, m2=run_of("crashed", test_a="failed: assert 0"))
    assert fates(seen)["m1"] == rules.SURVIVED
    assert fates(seen)["m2"] == rules.KILLED_ASSERT


def test_a_flaky_test_neither_passes_nor_notices() -> None:
    flaky = run_of(test_a="failed: assert 0", test_b="passed")
    seen = seen_with(original=[GOOD, flaky], m1=run_of(test_a="failed: assert 0"))
    assert (seen.stable, seen.flaky) == (("test_b",), ("test_a",))
    assert fates(seen)["m1"] == rules.SURVIVED
    part = judge_examination(seen, TESTS)
    assert part.value == 0.0
    assert part.evidence["passed"] == 1
    assert part.evidence["mutation"]["flaky"] == ["test_a"]  # type: ignore[index]


def test_tests_that_fail_on_a_control_each_time_earn_nothing() -> None:
    seen = seen_with(bytecode=FAILS, m1=FAILS, m2=FAILS, m3=FAILS)
    part = judge_examination(seen, TESTS)
    assert seen.controls == {"text": "", "bytecode": "test_a"}
    assert part.value == 0.0
    reason = part.evidence["mutation"]["reason"]  # type: ignore[index]
    assert reason == "test_a fails on a copy that behaves the same and differs in its bytecode only"


def test_a_control_that_fails_once_accuses_nobody_and_the_test_that_failed_is_flaky() -> None:
    noticed = run_of(test_b="failed: assert 2 == 3")
    seen = seen_with(text=[FAILS, GOOD], m1=noticed, m2=noticed, m3=noticed)
    assert seen.controls == {"text": "", "bytecode": ""}
    assert (seen.stable, seen.flaky) == (("test_b",), ("test_a",))
    assert fates(seen) == dict.fromkeys(("m1", "m2", "m3"), rules.KILLED_ASSERT)
    assert judge_examination(seen, TESTS).value == 0.5


@pytest.mark.parametrize("control", ["text", "bytecode"])
def test_a_test_that_fails_by_chance_on_whatever_is_not_the_original_gains_nothing(control: str) -> None:
    answers: dict[str, TestRun | list[TestRun]] = {control: [FAILS, FAILS, GOOD]}
    seen = seen_with(**answers, m1=FAILS, m2=FAILS, m3=FAILS)
    assert set(seen.controls.values()) == {""}
    assert (seen.stable, seen.flaky) == (("test_b",), ("test_a",))
    assert set(fates(seen).values()) == {rules.SURVIVED}
    assert judge_examination(seen, TESTS).value == 0.0


def test_many_tests_of_which_another_one_fails_each_time_gain_nothing() -> None:
    names = [f"test_{number}" for number in range(20)]
    base = run_of(**dict.fromkeys(names, "passed"))
    runs = iter(run_of(**{name: "failed: assert 0"}) for name in names)
    chance: dict[str, TestRun | list[TestRun]] = {f"m{number}": [next(runs), next(runs)] for number in (1, 2, 3)}
    seen = seen_with(original=base, text=base, bytecode=[next(runs), next(runs), base], **chance)
    assert seen.flaky == ("test_6", "test_7")
    assert set(fates(seen).values()) == {rules.SURVIVED}


@pytest.mark.parametrize(("doubted", "spared"), [("text", "bytecode"), ("bytecode", "text")])
def test_where_one_control_is_in_doubt_the_other_one_runs_once_more_too(doubted: str, spared: str) -> None:
    other = run_of(test_b="failed: assert 0")
    answers: dict[str, TestRun | list[TestRun]] = {doubted: [FAILS, GOOD], spared: [GOOD, other]}
    seen = seen_with(**answers, m1=other, m2=other)
    assert (seen.stable, seen.flaky) == ((), ("test_a", "test_b"))
    assert judge_examination(seen, TESTS).value == 0.0
    answers = {doubted: [FAILS, GOOD], spared: [GOOD, GOOD]}
    assert fates(seen_with(**answers, m1=other, m2=other))["m1"] == rules.KILLED_ASSERT


def test_a_process_that_ends_by_chance_gains_nothing_and_honest_kills_are_seen_again() -> None:
    dead = run_of("crashed")
    seen = seen_with(bytecode=[dead, GOOD], m1=[dead, GOOD], m2=[dead, dead], m3=[RAISES, RAISES])
    assert (seen.controls["bytecode"], seen.flaky) == ("", ())
    assert fates(seen) == {"m1": rules.SURVIVED, "m2": rules.KILLED_CRASH, "m3": rules.KILLED_CRASH}


def test_kills_are_seen_again_only_where_a_control_was_in_doubt_and_within_what_a_battle_may_cost() -> None:
    costly = run_of(cpu_s=2.7, test_b="failed: assert 0")
    sandbox = Sandbox({"text": [FAILS, GOOD], "m1": costly, "m2": costly})
    seen = examine(plan_of(2), sandbox, LIMITS, 2, lambda _: None)
    assert fates(seen) == {"m1": rules.KILLED_ASSERT, "m2": rules.NOT_RUN}
    calm = Sandbox({"m1": FAILS, "m2": FAILS})
    assert set(fates(examine(plan_of(2), calm, LIMITS, 2)).values()) == {rules.KILLED_ASSERT}
    assert [name for name, *_ in calm.asked].count("m1") == 1


def test_a_test_that_turns_out_flaky_while_a_control_is_confirmed_loses_its_kills() -> None:
    flaky = run_of(test_a="failed: assert 0", test_b="passed")
    seen = seen_with(original=[GOOD, GOOD, flaky], text=[FAILS, GOOD], m1=[FAILS, GOOD], m2=RAISES)
    assert seen.flaky == ("test_a",)
    assert seen.controls["text"] == ""
    assert fates(seen) == {"m1": rules.SURVIVED, "m2": rules.SURVIVED, "m3": rules.SURVIVED}


@pytest.mark.parametrize("ended", ["crashed", "timeout", "output_limit", "import_error"])
def test_a_control_that_does_not_end_is_as_bad_as_one_that_fails(ended: str) -> None:
    seen = seen_with(text=run_of(ended, loaded=ended != "import_error"), m1=FAILS)
    assert seen.controls["text"] == f"the run ({ended})"
    assert judge_examination(seen, TESTS).value == 0.0


def test_another_mutant_takes_the_place_of_one_that_cannot_be_imported() -> None:
    seen = seen_with(wanted=2, mutants=4, m1=UNLOADED, m3=UNLOADED, m4=FAILS, m2=FAILS)
    assert fates(seen) == {
        "m1": rules.STILLBORN,
        "m3": rules.STILLBORN,
        "m4": rules.KILLED_ASSERT,
        "m2": rules.KILLED_ASSERT,
    }
    part = judge_examination(seen, TESTS)
    assert part.value == 1.0
    assert part.evidence["mutation"]["n"] == 2  # type: ignore[index]


def test_a_solution_of_which_no_mutant_can_be_imported_earns_nothing() -> None:
    part = judge_examination(seen_with(m1=UNLOADED, m2=UNLOADED, m3=UNLOADED), TESTS)
    assert part.value == 0.0
    assert "no broken copy of the source can be imported" in str(part.evidence["mutation"])


def test_where_nothing_can_be_broken_tests_show_nothing_and_t_says_so() -> None:
    base = run_of(test_a="passed", test_b="failed: assert 0")
    part = judge_examination(
        examine(plan_of(0), Sandbox({ORIGINAL: base, "text": base, "bytecode": base}), LIMITS, 8), TESTS
    )
    assert part.value == 0.0
    assert "nothing in the source can be broken" in str(part.evidence["mutation"])


@pytest.mark.parametrize("reverse", [False, True])
def test_mutants_that_there_is_no_time_for_count_as_unnoticed_and_are_the_same_in_every_order(reverse: bool) -> None:
    slow = run_of(cpu_s=1.0, test_a="passed", test_b="passed")
    sandbox = Sandbox(dict.fromkeys((ORIGINAL, "text", "bytecode", *(f"m{number}" for number in range(1, 7))), slow))
    seen = examine(plan_of(6), sandbox, LIMITS, 6, list.reverse if reverse else lambda _: None)
    assert [name for name, fate in fates(seen).items() if fate == rules.NOT_RUN] == ["m4", "m5", "m6"]
    assert seen.controls == {"text": "", "bytecode": ""}, "controls are always run"
    evidence = judge_examination(seen, TESTS).evidence["mutation"]
    assert (evidence["n"], evidence["not_run"], evidence["exhausted"]) == (6, 3, "cpu")  # type: ignore[index]


def test_a_first_run_that_the_machine_held_up_leaves_time_for_all_mutants() -> None:
    held_up = run_of(wall_s=9.0, test_a="passed", test_b="passed")
    seen = seen_with(wanted=8, mutants=8, original=[held_up, GOOD])
    assert (seen.exhausted, seen.count(rules.NOT_RUN)) == ("", 0)
    seen = seen_with(wanted=8, mutants=8, original=[held_up, held_up])
    assert (seen.exhausted, seen.count(rules.NOT_RUN)) == ("wall", 8)


def test_tests_that_only_wait_use_up_the_time_by_the_clock() -> None:
    waiting = run_of(wall_s=3.0, test_a="passed", test_b="passed")
    seen = examine(plan_of(8), Sandbox(dict.fromkeys(NAMES, waiting)), LIMITS, 8)
    assert (seen.exhausted, seen.count(rules.NOT_RUN)) == ("wall", 3)
    assert seen.wall_s <= bounds.BUDGET_WALL_S


@pytest.mark.parametrize("cpu_s", [4.5, 9.0])
def test_tests_too_slow_to_be_repeated_earn_nothing_and_are_told_why(cpu_s: float) -> None:
    sandbox = Sandbox(dict.fromkeys(NAMES, run_of(cpu_s=cpu_s, test_a="passed", test_b="passed")))
    seen = examine(plan_of(8), sandbox, LIMITS, 8)
    part = judge_examination(seen, TESTS)
    assert part.value == 0.0
    assert sum(bound for *_, bound in sandbox.asked[1:]) <= LIMITS.cpu_s * 2
    assert part.evidence["mutation"]["exhausted"] == "cpu"  # type: ignore[index]
    reason = part.evidence["mutation"]["reason"]  # type: ignore[index]
    assert reason == (TOO_SLOW if cpu_s == 9.0 else OUT_OF_TIME)


def test_a_control_that_time_ran_out_for_leaves_nothing_to_earn() -> None:
    """Tests that wait for seconds on whatever is not the original must not escape what would accuse them."""
    endless = run_of("timeout", wall_s=10.0)
    base = run_of(wall_s=1.0, test_a="passed", test_b="passed")
    answers: dict[str, TestRun | list[TestRun]] = dict.fromkeys(NAMES, endless)
    seen = examine(plan_of(8), Sandbox({**answers, ORIGINAL: base}), LIMITS, 8)
    assert None in seen.controls.values()
    part = judge_examination(seen, TESTS)
    assert part.value == 0.0
    assert "not run to the end" in part.evidence["mutation"]["controls"].values()  # type: ignore[index]
    assert seen.wall_s <= bounds.BUDGET_WALL_S + 10


def test_no_confirmation_takes_a_battle_beyond_its_time() -> None:
    doubtful = {name: [FAILS, GOOD] * 20 for name in ("text", "bytecode", *(f"m{number}" for number in range(1, 9)))}
    base = run_of(cpu_s=0.7, test_a="passed", test_b="passed")
    slow = {name: [replace(run, cpu_s=0.7) for run in runs] for name, runs in doubtful.items()}
    sandbox = Sandbox({**slow, ORIGINAL: base})
    seen = examine(plan_of(8), sandbox, LIMITS, 8)
    assert seen.cpu_s <= bounds.BUDGET_CPU_S
    assert seen.exhausted == "cpu"
    assert judge_examination(seen, TESTS).value == 0.0


def test_slow_tests_cost_a_bounded_time() -> None:
    endless = run_of("timeout", cpu_s=5.0)
    answers: dict[str, TestRun | list[TestRun]] = {f"m{number}": endless for number in range(1, 65)}
    sandbox = Sandbox(answers)
    seen = examine(plan_of(64), sandbox, LIMITS, 64)
    assert sum(endless.cpu_s for name, *_ in sandbox.asked if name.startswith("m")) <= bounds.BUDGET_CPU_S + 5
    assert seen.count(rules.NOT_RUN) >= 62


def test_a_variant_has_limits_from_what_the_original_took() -> None:
    sandbox = Sandbox({ORIGINAL: run_of(cpu_s=0.05, test_a="passed", test_b="passed")})
    examine(plan_of(1), sandbox, LIMITS, 1)
    assert next(bound for *_, bound in sandbox.asked) == bounds.FIRST_CPU_S < LIMITS.cpu_s
    assert [pytest.approx(bound) for *_, bound in sandbox.asked][1:] == [0.7, 0.7, 0.7, 0.7]
    assert [wall for _, _, _, wall, _ in sandbox.asked[:2]] == [LIMITS.wall_s] * 2
    assert all(wall == pytest.approx(1.5) for _, _, _, wall, _ in sandbox.asked[2:])


def test_the_next_run_is_asked_for_while_one_is_on_its_way() -> None:
    sandbox = Sandbox(dict.fromkeys(NAMES, GOOD))
    examine(plan_of(8), sandbox, LIMITS, 8)
    assert sandbox.on_their_way == [1, 1, 1, *[2] * 9]  # the original twice, then controls and mutants
    assert sandbox.waited == [name for name, *_ in sandbox.asked]


def test_where_time_is_scarce_one_run_is_asked_for_after_the_other() -> None:
    sandbox = Sandbox(dict.fromkeys(NAMES, run_of(cpu_s=0.5, test_a="passed", test_b="passed")))
    examine(plan_of(8), sandbox, LIMITS, 8)
    assert set(sandbox.on_their_way) == {1}


@dataclass
class Obedient:
    """Runs that take what they need, and end where they may take no more. Remembers what each was allowed."""

    needs: dict[str, tuple[float, float]]
    allowed: list[tuple[str, float, float]] = field(default_factory=list)

    def __call__(
        self, variant: Variant, *, seed: int, expected: Sequence[str] | None, wall_s: float, cpu_s: float
    ) -> Callable[[], TestRun]:
        self.allowed.append((variant.name, wall_s, cpu_s))
        wall, cpu = self.needs[variant.name]
        ended = "timeout" if wall > wall_s or cpu > cpu_s else "finished"
        return lambda: TestRun((), ended, "", "", min(wall, wall_s), min(cpu, cpu_s))


SECONDS = st.floats(0.0, 6.0)


@given(
    base=st.tuples(SECONDS, SECONDS),
    runs=st.lists(st.tuples(SECONDS, SECONDS, st.sampled_from([CONTROL, MUTANT])), max_size=12),
)
def test_asking_ahead_changes_no_bound_and_no_result(
    base: tuple[float, float], runs: list[tuple[float, float, str]]
) -> None:
    variants = [Variant(kind, f"v{place}", 1, b"code", "") for place, (*_, kind) in enumerate(runs)]
    controls = sum(variant.kind == CONTROL for variant in variants)
    needs = {variant.name: (wall, cpu) for variant, (wall, cpu, _) in zip(variants, runs, strict=True)}
    found = []
    for is_ahead in (True, False):
        sandbox = Obedient(needs)
        budget = bounds.Budget(sandbox, LIMITS, TestRun((), "finished", "", "", *base), controls)
        seen = budget.run_each(variants, ()) if is_ahead else [budget.run(variant, ()) for variant in variants]
        found.append((seen, sandbox.allowed, budget.spent_cpu_s, budget.spent_wall_s, budget.runs, budget.exhausted))
    assert found[0] == found[1]


def test_a_mutant_too_large_to_be_handed_over_is_never_asked_for() -> None:
    plan = plan_of(2)
    large = Variant(MUTANT, "large", 9, b"", "source")
    sandbox = Sandbox({"m1": FAILS, "m2": FAILS})
    seen = examine(Plan(b"", plan.original, plan.controls, (*plan.mutants, large)), sandbox, LIMITS, 3)
    assert fates(seen)["large"] == rules.NOT_RUN
    assert "large" not in [name for name, *_ in sandbox.asked]
    assert judge_examination(seen, TESTS).value == pytest.approx(2 / 3, abs=1e-6)


@pytest.mark.parametrize(
    "base", [run_of("timeout", cpu_s=10.0, test_a="passed"), run_of("import_error"), run_of("no_tests")]
)
def test_tests_that_never_pass_or_never_end_are_run_once(base: TestRun) -> None:
    sandbox = Sandbox({ORIGINAL: base})
    part = judge_examination(examine(plan_of(), sandbox, LIMITS, 3), TESTS)
    assert len(sandbox.asked) == 1
    assert part.value == 0.0
    assert part.evidence["mutation"]["reason"]  # type: ignore[index]


LATE = run_of("timeout")  # with hardly any CPU time: it waited, or the machine let it wait


def test_an_original_that_only_the_clock_stops_is_run_again_before_tests_are_blamed() -> None:
    calm, late = seen_with(m1=FAILS), seen_with(original=[LATE, GOOD, GOOD], m1=FAILS)
    assert judge_examination(late, TESTS) == judge_examination(calm, TESTS)
    assert late.runs > calm.runs
    never = seen_with(original=[LATE, LATE])
    assert (never.fault, never.runs, never.mutants) == (UNENDING, 2, [])


def test_a_repetition_that_only_the_clock_stops_makes_no_test_flaky() -> None:
    seen = seen_with(original=[GOOD, LATE, GOOD], m1=FAILS)
    assert (seen.stable, seen.flaky) == (("test_a", "test_b"), ())
    assert fates(seen)["m1"] == rules.KILLED_ASSERT
    hangs = seen_with(original=[GOOD, LATE, LATE], m1=FAILS)
    assert (hangs.stable, hangs.flaky) == ((), ("test_a", "test_b"))


@pytest.mark.parametrize("later", [GOOD, FAILS, RAISES, UNLOADED])
def test_a_mutant_that_only_the_clock_stops_has_the_fate_of_another_run_with_more_time(later: TestRun) -> None:
    sandbox = Sandbox({"m1": [LATE, later], "m2": [later]})
    seen = examine(plan_of(2), sandbox, LIMITS, 2, lambda _: None)
    assert fates(seen)["m1"] == fates(seen)["m2"]
    first, second = (wall_s for name, _, _, wall_s, _ in sandbox.asked if name == "m1")
    assert second == pytest.approx(first * bounds.PATIENCE)
    assert sandbox.asked[-1][0] == "m1", "after all others, as far away from a busy moment as can be"


def test_a_mutant_that_waits_for_ever_is_noticed_twice_and_one_that_computes_for_ever_once() -> None:
    sandbox = Sandbox({"m1": LATE, "m2": run_of("timeout", cpu_s=0.5)})
    seen = examine(plan_of(2), sandbox, LIMITS, 2)
    assert fates(seen) == {"m1": rules.KILLED_TIMEOUT, "m2": rules.KILLED_TIMEOUT}
    assert [[name for name, *_ in sandbox.asked].count(name) for name in ("m1", "m2")] == [2, 1]


def test_a_test_that_failed_before_the_clock_ran_out_needs_no_other_run() -> None:
    sandbox = Sandbox({"m1": run_of("timeout", test_a="failed: assert 0")})
    assert fates(examine(plan_of(1), sandbox, LIMITS, 1)) == {"m1": rules.KILLED_ASSERT}
    assert [name for name, *_ in sandbox.asked].count("m1") == 1


@pytest.mark.parametrize("control", ["text", "bytecode"])
def test_a_control_that_only_the_clock_stops_accuses_nobody(control: str) -> None:
    answers: dict[str, TestRun | list[TestRun]] = {control: [LATE, GOOD]}
    seen = seen_with(**answers, m1=FAILS)
    assert (seen.controls, seen.flaky) == ({"text": "", "bytecode": ""}, ())
    assert fates(seen)["m1"] == rules.KILLED_ASSERT
    answers = {control: LATE}
    assert judge_examination(seen_with(**answers, m1=FAILS), TESTS).value == 0.0


def test_a_mutant_in_the_place_of_another_is_not_believed_to_wait_either() -> None:
    seen = seen_with(wanted=1, mutants=3, m1=UNLOADED, m2=[LATE, GOOD])
    assert fates(seen) == {"m1": rules.STILLBORN, "m2": rules.SURVIVED}


def test_a_failure_of_the_sandbox_is_no_fate() -> None:
    def ask(variant: Variant, **_: object) -> Callable[[], TestRun]:
        def wait() -> TestRun:
            if variant.kind == MUTANT:
                raise RetryableError("the worker died")
            return GOOD

        return wait

    with pytest.raises(RetryableError):
        examine(plan_of(), ask, LIMITS, 3)  # type: ignore[arg-type]


def test_the_evidence_holds_no_time_and_is_the_same_in_every_order() -> None:
    answers = {"m1": FAILS, "m2": RAISES, "m3": run_of("timeout")}
    found = set()
    for shuffle in (lambda _: None, list.reverse, lambda order: order.sort(key=lambda item: item.name)):
        seen = examine(plan_of(4), Sandbox({**answers}), LIMITS, 4, shuffle)
        found.add(json.dumps(dict(judge_examination(seen, TESTS).evidence)))
    assert len(found) == 1
    (text,) = found
    assert json.loads(text)["mutation"] == {
        "n": 4,
        "killed_assert": 1,
        "killed_crash": 1,
        "killed_timeout": 1,
        "survivors": [{"line": 4, "operator": "m4"}],
        "not_run": 0,
        "stillborn": 0,
        "controls": {"text": "passes", "bytecode": "passes"},
        "flaky": [],
    }


def test_every_test_that_the_file_defines_counts_and_a_cut_run_has_one_more() -> None:
    seen = seen_with(original=run_of(test_a="passed"), m1=FAILS, m2=FAILS, m3=FAILS)
    assert judge_examination(seen, TESTS).evidence["total"] == 2
    cut = run_of("crashed", test_a="passed", test_b="passed")
    assert judge_run(cut, TESTS).evidence["total"] == 3


def test_without_mutants_t_is_the_pass_rate_under_another_name() -> None:
    assert judge_run(GOOD, TESTS).value == 1.0
    assert "mutation" not in judge_run(GOOD, TESTS).evidence
    assert (profile_suffix(8), profile_suffix(0), profile_suffix(16)) == ("", "+nomutants", "+mutants-16")
    assert constants(0) != constants(8) != constants(16)


def test_another_definition_of_what_is_broken_is_another_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {mutants: constants(mutants) for mutants in (0, 8)}
    monkeypatch.setattr(verdict, "DEFINITION", verdict.DEFINITION + 1)
    assert constants(8) != before[8]
    assert constants(0) == before[0]


HEADER = {"controls": [{"name": "text", "shown": "other"}], "mutants": [{"operator": "return", "line": 3}]}


def packed(**changes: object) -> bytes:
    header = {**HEADER, "sizes": [1, 2, 3, 4], **changes}
    return json.dumps(header).encode() + b"\n" + b"tooccccmmmm"[:10]


def test_a_plan_is_read_back() -> None:
    plan = parse_plan(packed(), "source")
    assert (plan.tests_code, plan.original.code, plan.original.shown) == (b"t", b"oo", "source")
    assert [(item.name, item.code, item.shown) for item in plan.controls] == [("text", b"ccc", "other")]
    assert [(item.name, item.line, item.code, item.shown) for item in plan.mutants] == [
        ("return", 3, b"cmmm", "source")
    ]
    assert parse_plan(b'{"fault": "too deep"}\n', "").fault == "too deep"


@pytest.mark.parametrize(
    "results",
    [
        b"",
        b"[]\n",
        b"{}\n",
        b"{",
        b"\xff\n",
        packed(sizes=[1, 2, 3]),
        packed(sizes=[1, 2, 3, 5]),
        packed(sizes=[1, 2, -3, 10]),
        packed(sizes="4"),
        packed(controls=None),
        packed(mutants=[{"operator": "return"}]),
        packed(mutants=[{"operator": "return", "line": "x"}]),
        packed(mutants=[3]),
        packed(controls=[], mutants=[]),
    ],
)
def test_anything_else_is_no_plan(results: bytes) -> None:
    with pytest.raises((ValueError, LookupError, TypeError)):
        parse_plan(results, "source")
