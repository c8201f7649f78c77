"""Own tests on real variants in the real sandbox: what they report, and what never becomes a score."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from halting import WHILE, halted_guest
from mutation_attacks import HONEST, SOLUTION

from green_logic.errors import RetryableError, SandboxUnavailableError
from green_logic.evaluation.mutation.budget import BUDGET_WALL_S
from green_logic.evaluation.mutation.examination import Examination
from green_logic.evaluation.mutation.verdict import judge_examination
from green_logic.evaluation.sandbox import Limits, Sandbox
from green_logic.evaluation.worker import OWN_RECORDS

FIXTURE = """
import pytest

@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text"
    path.write_text("a b a")
    return path.read_text()

def test_counts(text):
    assert count(text) == {"a": 2, "b": 1}

@pytest.mark.parametrize("word", ["a", "b"])
def test_top(word, text):
    assert (top(text) == word) == (word == "a")
"""
DATA = """
test_words = ["a", "b"]

class TestTop:
    test_more = {"b b a": "b"}

    def test_each(self):
        assert {text: top(text) for text in self.test_more} == self.test_more

def test_words_are_their_own_top():
    assert [top(word) for word in test_words] == ["a", "c"]
"""
LATER = """
async def test_coroutine(): assert top("a") == "b"

async def test_generator():
    yield
    assert top("a") == "b"

def test_plain():
    assert top("a") == "a"
"""
UNITTEST = """
import unittest
from unittest.mock import Mock, patch
from word_counter import count, top

class TestCount(unittest.TestCase):
    def setUp(self):
        self.text = "a b a"

    def tearDown(self):
        self.text = None

    def test_counts(self):
        self.assertEqual(count(self.text), {"a": 2, "b": 1})

    def test_each(self):
        for text, word in (("a", "a"), ("b b a", "b")):
            with self.subTest(text=text):
                self.assertEqual(top(text), word)

    @unittest.skip("later")
    def test_later(self):
        self.fail()

    @unittest.expectedFailure
    def test_known(self):
        self.assertEqual(top("a"), "b")

    def test_wrong(self):
        self.assertEqual(top("a"), "b")

    def test_breaks(self):
        raise KeyError("x")

class Helper:
    def test_not_collected(self): ...

def test_plain():
    assert count("a a") == {"a": 3}

if __name__ == "__main__":
    unittest.main()
"""


@pytest.fixture(scope="module", params=["namespaces", "landlock"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    try:
        opened = Sandbox.open(workers=1, backend=request.param)
    except SandboxUnavailableError as error:
        pytest.skip(str(error))
    with opened:
        yield opened


def examined(sandbox: Sandbox, tests: str, source: str = SOLUTION, mutants: int = 8) -> Examination:
    return sandbox.examine_tests(textwrap.dedent(source), textwrap.dedent(tests), mutants=mutants)


def test_good_tests_notice_every_mutant_and_the_controls_pass(sandbox: Sandbox) -> None:
    seen = examined(sandbox, HONEST)
    assert seen.controls == {"text": "", "bytecode": ""}
    assert {fate.partition("_")[0] for _, fate in seen.mutants} == {"killed"}
    assert len(seen.mutants) == 8
    assert judge_examination(seen, HONEST).value == 1.0


def test_weaker_tests_earn_less_and_are_told_where(sandbox: Sandbox) -> None:
    weak = "def test_a():\n    assert count('a') == {'a': 1}\n"
    part = judge_examination(examined(sandbox, weak), weak)
    assert 0 < (part.value or 0) < 1
    survivors = part.evidence["mutation"]["survivors"]  # type: ignore[index]
    assert survivors
    assert all(12 <= survivor["line"] <= 18 or survivor["line"] <= 10 for survivor in survivors)


def test_the_same_examination_gives_the_same_evidence(sandbox: Sandbox) -> None:
    for tests in (HONEST, FIXTURE, UNITTEST, "def test_a():\n    assert True\n"):
        first, second = (judge_examination(examined(sandbox, tests), tests) for _ in range(2))
        assert first == second


@pytest.mark.parametrize(
    ("tests", "runner"),
    [(HONEST, "mini"), (UNITTEST, "mini"), (DATA, "mini"), (FIXTURE, "pytest"), (LATER, "pytest")],
)
def test_names_outcomes_and_messages_are_those_of_pytest(sandbox: Sandbox, tests: str, runner: str) -> None:
    base = examined(sandbox, tests, mutants=1).base
    alone = sandbox.run_tests(SOLUTION, tests, kind="own")
    assert (base.runner, base.ended, base.tamper) == (runner, alone.ended, alone.tamper)
    assert {test.name: test.outcome for test in base.outcomes} == {test.name: test.outcome for test in alone.outcomes}
    messages = {test.name: test.message for test in alone.outcomes if test.outcome == "failed"}
    assert {test.name: test.message for test in base.outcomes if test.outcome == "failed"} == messages


@pytest.mark.parametrize(
    "tests",
    [
        "class TestA:\n    def setup_method(self): self.x = 1\n    def test_a(self): assert self.x == 1\n",
        "import unittest\nclass TestA(unittest.TestCase):\n    @classmethod\n    def setUpClass(cls): cls.x = 1\n"
        "    def test_a(self): self.assertEqual(self.x, 1)\n",
        "def setup_module(module): module.x = 1\ndef test_a(): assert x == 1\n",
        "import pytest\n@pytest.mark.skip\ndef test_a(): assert 0\ndef test_b(): pass\n",
        "def test_a(capsys):\n    print('x')\n    assert capsys.readouterr().out == 'x\\n'\n",
        "def test_a(monkeypatch):\n    monkeypatch.setattr('solution.count', len)\n    assert count('abc') == 3\n",
        "import pytest\ndef test_a():\n    pytest.exit('enough', 0)\ndef test_b(): pass\n",
        "import unittest\ndef setUpModule(): 1 / 0\nclass T(unittest.TestCase):\n    def test_a(self): pass\n",
        "class TestA:\n    def __init__(self): pass\n    def test_a(self): pass\ndef test_b(): pass\n",
        "import pytest\nclass TestA:\n    @pytest.fixture(autouse=True)\n    def x(self): self.y = 2\n"
        "    def test_a(self): assert self.y == 3\n",
        "import unittest\nclass A(unittest.IsolatedAsyncioTestCase):\n    async def test_a(self): self.assertTrue(1)\n"
        "    async def test_b(self): self.assertEqual(1, 2)\n",
        "def f(): assert top('a') == 'b'\ntest_a = classmethod(f)\ndef test_b(): pass\n",
        "import threading\ndef test_a(): assert threading.main_thread().native_id == threading.get_native_id()\n",
        "def test_a(: pass\n",
        "raise ValueError('no')\n",
        "import pytest\npytest.skip('no', allow_module_level=True)\n",
        "x = 1\n",
        "class Odd:\n    __module__ = None\ndef test_a(): assert count('a') == {'a': 1}\n",
        "class TestOdd:\n    __module__ = 3\n    def test_a(self): assert top('a') == 'a'\n",
        "import unittest\nclass TestA(unittest.TestCase):\n    __module__ = None\n"
        "    def test_a(self): self.assertEqual(top('a'), 'a')\n",
        "class Meta(type):\n    def __getattribute__(self, name): raise ValueError(name)\n"
        "class Odd(metaclass=Meta): pass\ndef test_a(): assert top('a') == 'a'\n",
        "class Odd:\n    @property\n    def __class__(self): raise KeyError('no')\n"
        "odd = Odd()\ndef test_a(): assert top('a') == 'a'\n",
    ],
)
def test_whatever_tests_need_they_run_as_in_pytest(sandbox: Sandbox, tests: str) -> None:
    base, alone = examined(sandbox, tests, mutants=1).base, sandbox.run_tests(SOLUTION, tests, kind="own")
    assert (base.ended, base.detail) == (alone.ended, alone.detail)
    assert [(test.name, test.outcome, test.message) for test in base.outcomes] == [
        (test.name, test.outcome, test.message) for test in alone.outcomes
    ]


def test_tests_that_look_for_loops_in_the_source_are_honest(sandbox: Sandbox) -> None:
    tests = """
    import ast, inspect, solution
    def test_no_while_and_documented():
        source = inspect.getsource(solution)
        assert "while" not in source and "import" not in source
        tree = ast.parse(source)
        assert ast.get_docstring(tree) == "Counts words."
        assert [node.name for node in tree.body if isinstance(node, ast.FunctionDef)] == ["count", "top"]
        assert list(inspect.signature(solution.count).parameters) == ["text", "least"]
        assert solution.count.__doc__.startswith("How often")
    """
    seen = examined(sandbox, tests + textwrap.indent(HONEST, "    "))
    assert seen.controls == {"text": "", "bytecode": ""}
    assert judge_examination(seen, tests).value == 1.0


def test_no_variant_finds_what_an_earlier_one_was_or_said(sandbox: Sandbox) -> None:
    """Memory that was freed before a guest was forked is still there to be searched."""
    tests = """
    import ctypes
    MARKS = ['nacs_arbez_tset" :"tset"', '[ :"slortnoc"', '[ :"stnatum"']
    def test_zebra_scan():
        libc = ctypes.CDLL(None)
        libc.sbrk.restype = ctypes.c_void_p
        size = 3 << 20
        memory = ctypes.string_at(libc.sbrk(0) - size, size)
        for mark in MARKS:
            mark = "".join(reversed(mark)).encode()
            assert memory.find(mark + b'", "outcome": "') < 0
            assert memory.find(b"{" + mark) < 0
    """
    seen = examined(sandbox, tests)
    assert (seen.stable, seen.flaky) == (("test_zebra_scan",), ())
    assert seen.controls == {"text": "", "bytecode": ""}
    assert {fate for _, fate in seen.mutants} == {"survived"}


def test_every_variant_starts_in_an_empty_box(sandbox: Sandbox) -> None:
    tests = """
    import os, pathlib, tempfile
    def test_a():
        assert sorted(os.listdir(".")) in (["solution.py", "test_solution.py"],
                                           [".shm", ".tmp", "solution.py", "test_solution.py"],
                                           [".tmp", "solution.py", "test_solution.py"])
        assert os.listdir(tempfile.gettempdir()) == []
        for place in (".", tempfile.gettempdir()):
            pathlib.Path(place, "left").mkdir()
            pathlib.Path(place, "left", "deep").write_text("x" * 100000)
    """
    seen = examined(sandbox, tests)
    assert seen.stable == ("test_a",), seen
    assert seen.controls == {"text": "", "bytecode": ""}
    assert {fate for _, fate in seen.mutants} == {"survived"}, seen


def test_random_tests_are_found_by_another_seed(sandbox: Sandbox) -> None:
    expected = random.Random(0).random()
    tests = f"import random\ndef test_a():\n    assert random.random() == {expected!r}\ndef test_b():\n    top('a')\n"
    seen = examined(sandbox, tests)
    assert (seen.stable, seen.flaky) == (("test_b",), ("test_a",))


def test_a_mutant_that_never_ends_is_noticed_in_a_moment(sandbox: Sandbox) -> None:
    source = "def down(n):\n    while n > 0:\n        n -= 1\n    return n\n"
    seen = examined(sandbox, "def test_a():\n    assert down(3) == 0\n", source)
    assert "killed_timeout" in {fate for _, fate in seen.mutants}
    assert seen.cpu_s < 5


WAITS = """
import threading
def take(n):
    lock = threading.Lock()
    if n > 100:
        lock.acquire()
    lock.acquire()
    return n
"""


def test_a_mutant_that_waits_for_ever_is_noticed_in_seconds(sandbox: Sandbox) -> None:
    seen = examined(sandbox, "def test_a():\n    take(3)\n    take(5)\n", WAITS)
    assert "killed_timeout" in {fate for _, fate in seen.mutants}
    assert seen.controls == {"text": "", "bytecode": ""}
    assert seen.cpu_s < 2
    assert seen.wall_s < BUDGET_WALL_S + 5


@pytest.mark.parametrize("halted", [0, 1, 2], ids=["the original", "its repetition", "a control or a mutant"])
def test_a_machine_that_stops_for_seconds_changes_no_score(halted: int) -> None:
    """One guest is halted for longer than it may take, as by a machine that has no time for it."""
    tests = HONEST + WHILE
    with Sandbox.open(workers=1, limits=Limits(wall_s=4)) as opened, halted_guest(opened, halted) as done:
        seen = opened.examine_tests(SOLUTION, tests, mutants=2)
    assert done.is_set()
    assert seen.runs > 6, "one of them again"
    assert (seen.flaky, seen.controls, seen.base.ended) == ((), {"text": "", "bytecode": ""}, "finished")
    assert judge_examination(seen, tests).value == 1.0


def test_compiling_that_only_the_clock_stops_is_no_score(sandbox: Sandbox) -> None:
    (before,) = [slot.worker for slot in sandbox._all]
    with pytest.raises(RetryableError, match="compiling the variants of a solution"):
        sandbox._all[0].examine(SOLUTION, HONEST, Limits(wall_s=0.0001), 8)
    assert judge_examination(examined(sandbox, HONEST), HONEST).value == 1.0
    assert [slot.worker for slot in sandbox._all] == [before]


def test_a_judge_without_room_for_another_file_has_no_result(sandbox: Sandbox) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with open(os.devnull) as lowest:  # noqa: PTH123  its number is the lowest one that is free
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest.fileno(), hard))
        try:
            with pytest.raises(RetryableError, match="sandbox worker 0: the judge could not hand it its job"):
                examined(sandbox, HONEST)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert judge_examination(examined(sandbox, HONEST), HONEST).value == 1.0


FLOOD = """
import gc
def test_a():
    for found in gc.get_objects():
        if type(found).__name__ == "Reporter":
            for number in range({count}):
                found.send(test=f"forged_{{number}}", outcome="failed", message="assert 0")
"""


def test_forged_results_are_read_only_as_far_as_there_are_tests(sandbox: Sandbox) -> None:
    seen = examined(sandbox, FLOOD.format(count=80_000))
    assert len(seen.base.outcomes) <= OWN_RECORDS
    assert (seen.base.ended, judge_examination(seen, FLOOD).value) == ("crashed", 0.0)
    assert judge_examination(examined(sandbox, HONEST), HONEST).value == 1.0


def test_a_run_may_report_somewhat_more_tests_than_the_original(sandbox: Sandbox) -> None:
    tests = """
    import pytest
    @pytest.mark.parametrize("n", range(300))
    def test_each(n):
        assert top("a " * n) == ("a" if n else "")
    """
    seen = examined(sandbox, tests)
    assert (len(seen.stable), seen.base.ended) == (300, "finished")
    assert seen.controls == {"text": "", "bytecode": ""}


def test_a_solution_that_checks_itself_gains_nothing(sandbox: Sandbox) -> None:
    source = """
    def f(a):
        return a + 1
    CODE = f.__code__.co_code
    KNOWN = {}
    exec(compile("def f(a):\\n    return a + 1", "x", "exec"), KNOWN)
    if KNOWN["f"].__code__.co_code != CODE:
        raise SystemExit(1)
    """
    part = judge_examination(examined(sandbox, "def test_a():\n    assert True\n", source), "def test_a(): ...")
    assert part.value == 0.0


@pytest.mark.parametrize(
    "source", ["x = 1 +\n", "raise ValueError\n", "import os\nos._exit(0)\n", "while True: pass\n"]
)
def test_a_solution_that_cannot_be_imported_has_no_score_from_tests(source: str) -> None:
    with Sandbox.open(workers=1, limits=Limits(wall_s=1)) as quick:
        seen = quick.examine_tests(source, "def test_a():\n    assert True\n", mutants=8)
        assert judge_examination(seen, "def test_a(): ...").value == 0.0
        assert seen.mutants == []
        assert examined(quick, HONEST).fault == ""


def test_a_worker_killed_in_the_middle_is_no_result(sandbox: Sandbox) -> None:
    (worker,) = [slot.worker for slot in sandbox._all]
    assert worker is not None

    def kill() -> None:
        time.sleep(0.3)
        os.kill(worker.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(RetryableError, match="sandbox worker 0"):
        examined(
            sandbox, "import time, threading\ndef test_a():\n    threading.Event().wait(5)\n    assert count('')\n"
        )
    killer.join()
    assert judge_examination(examined(sandbox, HONEST), HONEST).value == 1.0


def first_child(pid: int) -> int:
    """The oldest child of a process that has one, now or in a moment."""
    deadline = time.monotonic() + 60
    while not (found := Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return int(found[0])


def test_a_killed_keeper_or_supervisor_is_no_result() -> None:
    with Sandbox.open(workers=1, backend="namespaces") as opened:
        (worker,) = [slot.worker for slot in opened._all]
        assert worker is not None
        for depth in (1, 2):
            pid = worker.pid

            def kill(pid: int = pid, depth: int = depth) -> None:
                time.sleep(0.3)
                for _ in range(depth):
                    pid = first_child(pid)
                os.kill(pid, signal.SIGKILL)

            killer = threading.Thread(target=kill)
            killer.start()
            with pytest.raises(RetryableError):
                examined(opened, "import threading\ndef test_a():\n    threading.Event().wait(5)\n")
            killer.join()
            assert judge_examination(examined(opened, HONEST), HONEST).value == 1.0
            (worker,) = [slot.worker for slot in opened._all]
            assert worker is not None


def test_nothing_is_left_of_an_examination(sandbox: Sandbox) -> None:
    marker = f"green-logic-left-{random.randrange(1 << 40)}"
    tests = f"""
    import os, sys
    def test_a():
        for _ in range(3):
            if os.fork() == 0:
                os.setsid()
                os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(600) # {marker}"])
        assert top("a") == "a"
    """
    seen = examined(sandbox, tests)
    assert seen.controls == {"text": "", "bytecode": ""}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            assert marker.encode() not in path.read_bytes()


def test_an_import_that_the_solution_replaced_is_the_one_of_its_tests(sandbox: Sandbox) -> None:
    solution = """
import builtins
real = builtins.__import__
def __import__(name, *rest, **named):
    return real("json" if name == "jayson" else name, *rest, **named)
builtins.__import__ = __import__
"""
    tests = "import jayson\ndef test_it(): assert jayson.dumps([1]) == '[1]'\n"
    base = sandbox.examine_tests(solution, tests, mutants=1).base
    assert [(test.name, test.outcome) for test in base.outcomes] == [("test_it", "passed")]
