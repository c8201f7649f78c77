"""Tests that want to look as if they noticed mutants: none gains, and the next examination is right."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
from mutation_attacks import HONEST, LIMITS, NAMES, SOLUTION, examine_all
from ordinary_user import NEEDS_ROOT, ordinary_user

from green_logic.errors import SandboxUnavailableError
from green_logic.evaluation.mutation.verdict import judge_examination
from green_logic.evaluation.sandbox import Limits, Sandbox

Results = dict[str, tuple[float, dict[str, Any], float]]
# what an attack may earn by code that it calls, or by a mutant whose constants the compiler folded together
LARGEST = 0.125
# what leans on the walls around a guest; what only looks around in it need not be examined behind each
AT_THE_WALLS = [
    *("counts_processes", "exits", "file", "forks_without_end", "garbage", "getsource", "kills_parent"),
    *("leaves_children", "no_assertion", "patches_reporter", "processes_and_files", "writes_results"),
]
BY_CALLS = {"calls_by_setprofile", "constants_kept", "executed_opcodes", "lines_by_settrace", "no_assertion", "time"}
ACCUSED = {
    "bytecode": "bytecode",
    "constants": "bytecode",
    "counted": "bytecode",
    "dead_code_removed": "bytecode",
    "executed_opcodes": "bytecode",
    "exits_unless_known": "bytecode",
    "file": "text and bytecode",
    "file_by_name": "text and bytecode",
    "frames_expect": "bytecode",
    "getsource": "text and bytecode",
    "getsource_of_module": "text and bytecode",
    "line_numbers": "text and bytecode",
    "loops_unless_known": "bytecode",
    "shown_source": "text and bytecode",
}


def opened(backend: str) -> Sandbox:
    try:
        return Sandbox.open(workers=1, backend=backend, limits=LIMITS)
    except SandboxUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def results() -> Results:
    with opened("namespaces") as sandbox:
        return examine_all(sandbox, NAMES)


@pytest.mark.parametrize("attack", NAMES)
def test_an_attack_earns_nothing_and_leaves_the_next_examination_alone(results: Results, attack: str) -> None:
    value, _, honest = results[attack]
    assert value <= (LARGEST if attack in BY_CALLS else 0.0)
    assert honest == 1.0


def test_without_namespaces_it_is_the_same() -> None:
    with opened("landlock") as sandbox:
        found = examine_all(sandbox, AT_THE_WALLS)
    assert found.keys() == set(AT_THE_WALLS)
    assert {name: value for name, (value, *_) in found.items() if value > LARGEST * (name in BY_CALLS)} == {}
    assert {honest for *_, honest in found.values()} == {1.0}


@pytest.mark.parametrize("attack", sorted(ACCUSED))
def test_tests_that_know_their_source_are_told_so(results: Results, attack: str) -> None:
    _, mutation, _ = results[attack]
    assert mutation["reason"].endswith(f"on a copy that behaves the same and differs in its {ACCUSED[attack]} only")
    assert mutation["controls"][ACCUSED[attack].split()[0]].startswith("fails ")


@pytest.mark.parametrize("attack", ["nothing", "no_assertion", "kills_parent", "leaves_children", "first_time_only"])
def test_tests_that_do_not_know_it_are_not_accused(results: Results, attack: str) -> None:
    _, mutation, _ = results[attack]
    assert "reason" not in mutation
    assert set(mutation["controls"].values()) == {"passes"}
    assert mutation["n"] == 8


def test_a_mutant_shows_the_text_and_the_lines_of_the_original() -> None:
    """So a fingerprint of the text, however loose, passes on every mutant."""
    tests = "import inspect, solution\ndef test_a():\n    assert 'word' in inspect.getsource(solution)\n"
    with opened("namespaces") as sandbox:
        part = judge_examination(sandbox.examine_tests(SOLUTION, tests, mutants=8), tests)
    assert part.value == 0.0
    assert len(part.evidence["mutation"]["survivors"]) == 8  # type: ignore[index]


LOGIC = """
    def fizz(n):
        if n % 15 == 0:
            return "FizzBuzz"
        if n % 5 == 0:
            return "Buzz"
        if n % 3 == 0:
            return "Fizz"
        return {shown}
"""
HIDDEN = {
    "main": "__name__ = '__main__'\ndef version():\n    return 3\nif __name__ == '__main__':" + LOGIC,
    "types": "TYPE_CHECKING = True\ndef version():\n    return 3\nif TYPE_CHECKING:" + LOGIC,
    "log": "class Log:\n    def info(self, x): return x\nlog = Log()\ndef version():\n    return 3\n"
    "def fizz(n): return log.info('FizzBuzz' if n % 15 == 0 else 'Buzz' if n % 5 == 0 else str(n))\n",
    "str": "class Impl:\n    def __init__(self, n):\n        self.n = n\n    def __str__(self):\n"
    "        n = self.n\n        return 'FizzBuzz' if n % 15 == 0 else 'Buzz' if n % 5 == 0 else f'{n}'\n"
    "def version():\n    return 3\ndef fizz(n):\n    return str(Impl(n))\n",
}


@pytest.mark.parametrize("hidden", sorted(HIDDEN))
def test_code_that_runs_where_it_looks_exempt_must_be_tested_too(hidden: str) -> None:
    source = HIDDEN[hidden].replace("{shown}", "str(n)")
    tests = "from solution import fizz, version\ndef test_a():\n    assert version() == 3\n    assert fizz(1)\n"
    with opened("namespaces") as sandbox:
        part = judge_examination(sandbox.examine_tests(source, tests, mutants=8), tests)
    assert part.value is not None
    assert part.value < 0.8
    assert part.evidence["mutation"]["controls"] == {"text": "passes", "bytecode": "passes"}  # type: ignore[index]


def test_fork_bombs_and_loops_are_bounded() -> None:
    with Sandbox.open(workers=1, limits=Limits(cpu_s=1)) as sandbox:
        seen = sandbox.examine_tests(SOLUTION, "def test_a():\n    while True: pass\n", mutants=8)
        assert (seen.base.ended, seen.runs, seen.mutants) == ("timeout", 1, [])
        assert judge_examination(sandbox.examine_tests(SOLUTION, HONEST, mutants=8), HONEST).value == 1.0


def test_nothing_is_left_on_the_host(results: Results) -> None:
    assert results
    deadline = time.monotonic() + 60
    while orphans():  # somebody else's, whose judge was killed, are gone in a moment
        assert time.monotonic() < deadline, orphans()


def orphans() -> list[str]:
    """Statuses of guests without a parent."""
    found = []
    for path in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            found.append(path.read_text())
    return [one for one in found if "PPid:\t1\n" in one and "\nUid:\t6" in one and "zombie" not in one]


@NEEDS_ROOT
def test_an_ordinary_user_is_judged_alike() -> None:
    with ordinary_user() as user:
        user.copy(Path(__file__).with_name("mutation_looks.py"))
        attacks = user.copy(Path(__file__).with_name("mutation_attacks.py"))
        result = user.run(str(attacks), "namespaces", *AT_THE_WALLS)
    assert result.returncode == 0, result.stderr
    summary = json.loads(result.stdout)
    assert summary.keys() == set(AT_THE_WALLS)
    assert {name: value for name, (value, *_) in summary.items() if value > LARGEST} == {}
    assert {honest for *_, honest in summary.values()} == {1.0}
