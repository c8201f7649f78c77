"""Compiled tests are made once for each worker and task, and never where a solution could find them."""

from __future__ import annotations

import os
import types
from collections.abc import Iterator

import pytest

from green_logic.evaluation.isolation import guest
from green_logic.evaluation.isolation.split import compiled
from green_logic.evaluation.isolation.split.compiled import KeptCode, read_left
from green_logic.evaluation.isolation.split.shelf import MAX_TASKS, Shelf
from green_logic.evaluation.sandbox import Limits, Sandbox, TestRun

TESTS = "from solution import double\ndef test_double():\n    assert double(4) == 8\n"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.open(workers=1) as opened:
        yield opened


def shelf(sandbox: Sandbox) -> Shelf:
    worker = sandbox._all[0].worker
    assert worker is not None
    return worker._compiled


def read_code(code: bytes) -> types.CodeType:
    found = KeptCode(code, os.open(os.devnull, os.O_RDONLY)).find("")
    assert found
    return found


def seen(run: TestRun) -> tuple[object, ...]:
    return run.outcomes, run.ended, run.detail, run.output, run.tamper, run.runner, run.calls


@pytest.mark.parametrize(
    "source", ["def double(n): return 2 * n", "def double(n): return n", "import missing", "x = ("]
)
def test_a_run_with_kept_code_is_the_same_as_one_without(sandbox: Sandbox, source: str) -> None:
    tests = f"{TESTS}def test_warns():\n    assert (1, 'a warning of the compiler') is not 1\n# {source!r}\n"
    first = sandbox.run_tests(source, tests, kind="hidden")
    code = shelf(sandbox).find(tests)
    assert isinstance(read_code(code), types.CodeType)
    second = sandbox.run_tests(source, tests, kind="hidden")
    assert seen(first) == seen(second)
    assert shelf(sandbox).find(tests) is code


@pytest.mark.parametrize("tests", ["def broken(:", "assert \0", "(" * 500 + ")" * 500])
def test_tests_that_do_not_compile_are_not_kept_and_say_the_same_twice(sandbox: Sandbox, tests: str) -> None:
    runs = [sandbox.run_tests("x = 1", tests, kind="hidden", split=True) for _ in range(2)]
    assert runs[0].ended == "import_error"
    assert seen(runs[0]) == seen(runs[1])
    assert shelf(sandbox).find(tests) == b""


def test_what_a_solution_does_cannot_change_the_code_for_the_next(sandbox: Sandbox) -> None:
    tests = TESTS + "# for a hostile one first\n"
    hostile = """
import os
for descriptor in range(3, 300):
    try:
        os.pwrite(descriptor, b"\\xff" * 4096, 0)
    except OSError:
        pass
def double(n): raise KeyboardInterrupt
"""
    assert sandbox.run_tests(hostile, tests, kind="hidden").ended != "finished"
    run = sandbox.run_tests("def double(n): return 2 * n", tests, kind="hidden")
    assert [outcome.outcome for outcome in run.outcomes] == ["passed"]


FINDER = """
import gc
def find():
    needle = "-".join(["a", "needle", "in", "the", "tests"])
    found = 0
    for tracked in gc.get_objects():
        for value in gc.get_referents(tracked):
            found += type(value) is str and needle in value or type(value) is bytes and needle.encode() in value
    return found
"""


def test_a_solution_finds_no_compiled_tests_in_its_memory(sandbox: Sandbox) -> None:
    tests = "from solution import find\ndef test_a(): assert find() == 0\ndef test_b(): 'a-needle-in-the-tests'\n"
    for _ in range(2):
        run = sandbox.run_tests(FINDER, tests, kind="hidden")
        assert [outcome.outcome for outcome in run.outcomes] == ["passed", "passed"]
    assert b"a-needle-in-the-tests" in shelf(sandbox).find(tests)
    # nor does a submission whose own tests run in the same worker afterwards
    own = sandbox.run_tests(FINDER, "def test_a(): assert find() == 0", kind="own")
    assert [outcome.outcome for outcome in own.outcomes] == ["passed"]
    control = sandbox.run_tests(FINDER, tests, kind="hidden", split=False)
    assert [outcome.outcome for outcome in control.outcomes] == ["failed", "passed"]


def test_a_run_that_is_cut_leaves_no_code_or_all_of_it(sandbox: Sandbox) -> None:
    tests = "from solution import double\n" + "".join(
        f"def test_{n}(): assert double({n}) == {2 * n}\n" for n in range(400)
    )
    for wall_s in (0.02, 0.05, 0.1, 0.2):
        sandbox.run_tests("def double(n): return 2 * n", tests, kind="hidden", limits=Limits(wall_s=wall_s))
        if code := shelf(sandbox).find(tests):
            assert isinstance(read_code(code), types.CodeType)
    run = sandbox.run_tests("def double(n): return 2 * n", tests, kind="hidden")
    assert {outcome.outcome for outcome in run.outcomes} == {"passed"}
    assert len(run.outcomes) == 400


@pytest.fixture
def file() -> Iterator[int]:
    made = os.memfd_create("code")
    yield made
    os.close(made)


def test_code_is_left_whole(file: int) -> None:
    made = KeptCode(b"", os.dup(file)).find("x = 1")
    assert made == read_code(read_left(file))
    found = KeptCode(read_left(file), os.dup(file)).find("x = 1")
    assert found == made


@pytest.mark.parametrize("size", [0, 3, 4, 5, 20])
def test_code_that_was_cut_while_it_was_written_is_none(file: int, size: int) -> None:
    KeptCode(b"", os.dup(file)).find("x = 1")
    os.truncate(file, size)
    assert read_left(file) == b""


def test_a_length_beyond_every_code_is_none(file: int) -> None:
    os.write(file, b"\xff" * 100)
    assert read_left(file) == b""


def test_code_that_is_too_large_is_made_each_time(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "MAX_CODE_BYTES", 10)
    assert KeptCode(b"", os.dup(file)).find("x = 1") is not None
    assert read_left(file) == b""


def test_a_shelf_forgets_the_task_that_was_not_asked_for_the_longest() -> None:
    codes = Shelf()
    for number in range(MAX_TASKS):
        codes.keep(str(number), b"code")
    assert codes.find("0") == b"code"
    codes.keep("one more", b"code")
    assert codes.find("0") == b"code"
    assert codes.find("1") == b""


def test_no_code_is_no_reason_to_forget() -> None:
    codes = Shelf()
    codes.keep("tests", b"code")
    codes.keep("tests", b"")
    assert codes.find("tests") == b"code"
    assert codes.find("others") == b""


def test_the_path_in_the_code_is_where_the_tests_are(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))
    code = guest.compile_module(guest.TESTS, "def f(): assert 1 == 2")
    assert code.co_filename == f"{tmp_path}/test_solution.py"
    assert "@pytest_ar" in code.co_names
