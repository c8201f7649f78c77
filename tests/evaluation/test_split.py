"""Split execution judges honest solutions as one process does, and says how it judged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from green_logic.evaluation.isolation.split.needs import find_needs
from green_logic.evaluation.sandbox import Limits, Sandbox, TestRun

CORPUS = Path(__file__).parent / "compatibility"
PAIRS = sorted(path.stem for path in CORPUS.glob("*.py"))
SEPARATOR = "# ---- hidden tests ----\n"
TASKS = Path(__file__).resolve().parents[2] / "data" / "samples" / "tasks"
SAMPLES = sorted(
    str(path.relative_to(TASKS))
    for pattern in ("*/reference.py", "*/submissions/sound/solution.py")
    for path in TASKS.glob(pattern)
)
ADD = "def add(a, b): return a + b\n"
NAMED = "def named(cls):\n    cls.name = cls.__name__\n    return cls\n"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.open(workers=1) as opened:
        yield opened


def outcomes(run: TestRun) -> dict[str, str]:
    return {outcome.name: outcome.outcome for outcome in run.outcomes}


def test_the_corpus_is_large() -> None:
    assert len(PAIRS) >= 60


@pytest.mark.parametrize("name", PAIRS)
def test_an_honest_pair_passes_in_plain_pytest_and_out_of_process(sandbox: Sandbox, name: str) -> None:
    source, tests = (CORPUS / f"{name}.py").read_text(encoding="utf-8").split(SEPARATOR)
    plain = sandbox.run_tests(source, tests, kind="hidden", split=False)
    split = sandbox.run_tests(source, tests, kind="hidden")
    assert (plain.ended, set(outcomes(plain).values())) == ("finished", {"passed"})
    assert (split.ended, split.tamper, split.fallback) == ("finished", "out_of_process", "")
    assert outcomes(split) == outcomes(plain), split.outcomes
    assert list(outcomes(split)) == list(outcomes(plain))


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_solutions_have_the_same_outcomes(sandbox: Sandbox, name: str) -> None:
    tests = (TASKS / Path(name).parts[0] / "hidden_tests.py").read_text(encoding="utf-8")
    run = sandbox.run_tests((TASKS / name).read_text(encoding="utf-8"), tests, kind="hidden")
    assert (run.ended, run.tamper) == ("finished", "out_of_process")
    assert set(outcomes(run).values()) == {"passed"}, [o for o in run.outcomes if o.outcome != "passed"]


def test_the_sample_that_equals_everything_gains_nothing(sandbox: Sandbox) -> None:
    task = TASKS / "interval-map"
    source = (task / "submissions/universal-eq/solution.py").read_text(encoding="utf-8")
    # without the guard that these tests carry for judges in one process
    tests = (
        (task / "hidden_tests.py")
        .read_text(encoding="utf-8")
        .replace("plain(", "(")
        .replace("def (value)", "def p(value)")
    )
    run = sandbox.run_tests(source, tests, kind="hidden")
    assert (run.ended, run.tamper) == ("finished", "out_of_process")
    assert [outcome.name for outcome in run.outcomes if outcome.outcome == "passed"] == []


@pytest.mark.parametrize(
    ("tests", "runner"),
    [
        ("from solution import add\ndef test_a(): assert add(1, 2) == 3", "mini"),
        ("from solution import add\nclass TestA:\n    def test_a(self): assert add(1, 2) == 3", "mini"),
        ("from solution import add\ndef test_a(tmp): pass", "pytest"),
        ("import pytest, solution\ndef test_a():\n    with pytest.warns(UserWarning): pass", "pytest"),
        ("import unittest, solution\nclass TestA(unittest.TestCase):\n    def test_a(self): pass", "pytest"),
        ("from solution import add\ndef setup_module(): pass\ndef test_a(): pass", "pytest"),
    ],
)
def test_the_runner_is_recorded(sandbox: Sandbox, tests: str, runner: str) -> None:
    run = sandbox.run_tests(ADD, tests, kind="hidden")
    assert (run.runner, run.tamper) == (runner, "out_of_process")


def test_calls_are_counted(sandbox: Sandbox) -> None:
    tests = "import solution\ndef test_a():\n    for n in range(10): assert solution.add(n, 1) == n + 1"
    run = sandbox.run_tests(ADD, tests, kind="hidden")
    assert run.calls >= 10
    assert sandbox.run_tests(ADD, tests, kind="hidden", split=False).calls == 0


@pytest.mark.parametrize(
    ("tests", "reason"),
    [
        (
            "import inspect, solution\ndef test_a(): assert 'return' in inspect.getsource(solution.add)",
            "imports inspect",
        ),
        ("import solution\ndef test_a(): assert open(solution.__file__).read()", "open"),
        ("import solution\nclass B(solution.A): pass\ndef test_a(): assert B().x == 1", "B derives from a class"),
        ("import solution as s\nclass B(s.A): pass\ndef test_a(): assert B().x == 1", "B derives from a class"),
        ("from solution import A\nclass B(A): pass\ndef test_a(): assert B().x == 1", "B derives from a class"),
        ("from solution import *\nclass B(A): pass\ndef test_a(): assert B().x == 1", "B derives from a class"),
        ("import solution\ndef test_a(tmp_path): assert tmp_path.exists()", "tmp_path"),
        (
            "import solution\n@solution.named\nclass B: pass\ndef test_a(): assert B.name == 'B'",
            "line 2: the solution's named may change B",
        ),
        (
            "from solution import named as n\ndef test_a():\n    @n\n    class B: pass\n    assert B.name == 'B'",
            "line 3: the solution's n may change B",
        ),
        (
            "import logging, solution\nlog = logging.getLogger('a')\ndef test_a(): assert log.handlers == []",
            "uses handlers of a logger",
        ),
        ("import logging\ndef test_a(): assert not logging.getLogger('a').level", "uses level of a logger"),
        ("def test_a(caplog): caplog.handler.addFilter(lambda record: True)", "has log records filtered"),
        ("import logging\ndef test_a(caplog): logging.getLogger('a').error('x')", "uses error of a logger"),
        ("import logging\ndef test_a(caplog): logging.info('x')", "uses info of a logger"),
        ("import warnings\ndef test_a(): warnings.warn('x')", "uses warn itself"),
        ("from warnings import warn\ndef test_a(): warn('x')", "uses warn itself"),
    ],
)
def test_what_needs_one_process_gets_it_and_says_so(sandbox: Sandbox, tests: str, reason: str) -> None:
    run = sandbox.run_tests(ADD + NAMED + "class A: x = 1\n", tests, kind="hidden")
    assert outcomes(run) == {"test_a": "passed"}
    assert run.tamper == "in_process"
    assert reason in run.fallback


def test_own_tests_share_the_process_of_the_solution(sandbox: Sandbox) -> None:
    run = sandbox.run_tests(ADD, "def test_a(): assert add(1, 2) == 3", kind="own")
    assert (run.tamper, run.runner, run.fallback, outcomes(run)) == ("in_process", "pytest", "", {"test_a": "passed"})


@pytest.mark.parametrize("tests", ["def broken(:", "import inspect (", "\0"])
def test_tests_that_do_not_parse_need_nothing(tests: str) -> None:
    assert find_needs(tests).same_process == ""


@pytest.mark.parametrize(
    ("tests", "captures"),
    [
        ("from solution import area\nassert area(2) == 4", set()),
        ("def test_a(capsys): pass", {"output"}),
        ("import pytest\nwith pytest.warns(UserWarning): pass", {"warnings"}),
        ("def test_a(recwarn, caplog): pass", {"warnings", "logs"}),
        ("from logging import getLogger\ngetLogger('a').setLevel(10)", {"logs"}),
        ("class A(B):\n    def test_a(self):\n        with self.assertLogs(): pass", {"logs"}),
    ],
)
def test_what_the_tests_listen_to_is_known(tests: str, captures: set[str]) -> None:
    assert find_needs(tests).captures == captures


@pytest.mark.parametrize(
    "tests",
    [
        "import logging\nlog = logging.getLogger('a')\nlog.setLevel(10)\nlog.addHandler(h)\nassert player.level == 3",
        "import logging\nlog = logging.getLogger('a')\nold = log.level\nlog.setLevel(10)\nlog.setLevel(old)",
        "import logging.handlers\nlogging.handlers.MemoryHandler(1).level\ncaplog.handler.level",
        "import logging, solution\nsolution.log.warning('x')\nsolution.warnings.warn('x')\nlogging.WARNING",
        "found[0] = logging.getLogger('a')\nassert found[0].name == other[0].level",
    ],
)
def test_listening_needs_no_process_of_its_own(tests: str) -> None:
    assert find_needs(tests).same_process == ""


@pytest.mark.parametrize(
    ("tests", "names"),
    [
        ("from solution import Vector as V, area\nV.Kind.ONE", {"Vector", "area", "Kind", "ONE"}),
        ("import solution as sut\nassert sut.Vector(1).x", {"Vector"}),
        ("import pytest\nsut = pytest.importorskip('solution')\nsut.Vector", {"Vector"}),
        ("from solution import *\nVector(1)\nprint(Vector.Kind)", {"Vector", "Kind"}),
    ],
)
def test_what_the_tests_take_from_the_solution_is_known(tests: str, names: set[str]) -> None:
    assert find_needs(tests).names == names


def test_a_decorator_that_keeps_the_class_needs_no_common_process() -> None:
    kept = ("registry.add", "registry.add('b')", "register", "register_model('b')", "singleton", "dataclass")
    for decorator in kept:
        tests = f"from dataclasses import dataclass\nfrom solution import *\n@{decorator}\nclass B: pass"
        named = tests.replace("import *", "import registry, register, register_model, singleton")
        assert find_needs(tests).same_process == find_needs(named).same_process == "", decorator
    assert find_needs("from solution import model\n@model('b')\nclass B: pass").same_process
    assert find_needs("from solution import *\n@model\nclass B: pass").same_process
    assert find_needs("import solution as sut\n@sut.model\nclass B: pass").same_process


@pytest.mark.parametrize(
    ("tests", "places"),
    [
        ("from solution import memo\nclass A:\n    @memo\n    def f(self): ...", {"A.f"}),
        ("import solution as s\nclass A:\n    @s.retry(3)(on=OSError)\n    async def f(self): ...", {"A.f"}),
        ("from solution import Field as F\nclass A:\n    x = F()\n    y: int = F(int)", {"A.x", "A.y"}),
        ("from solution import *\nclass A:\n    x = Field()\n    @memo\n    def f(self): ...", {"A.x", "A.f"}),
        ("from solution import first\nclass A:\n    x = first(5)\n    y = first\n    z = Field()", set()),
        ("from solution import Board, memo\nclass TestA:\n    x = Board()\n    @memo\n    def f(self): ...", set()),
        (
            "import unittest\nfrom solution import memo\nclass A(unittest.TestCase):\n    @memo\n    def f(self): ...",
            set(),
        ),
        ("from solution import *\ndef memo(f): ...\nclass A:\n    @memo\n    def f(self): ...", set()),
        ("from solution import memo\nclass A:\n    @property\n    def f(self): ...\n@memo\ndef g(): ...", set()),
    ],
)
def test_where_the_tests_put_what_is_the_solutions_is_known(tests: str, places: set[str]) -> None:
    assert find_needs(tests).places == places


@pytest.mark.parametrize(
    "tests",
    [
        "import pytest, unittest\nfrom solution import area\npytest.raises(ValueError)\nunittest.TestCase",
        "from unittest import mock, TestCase\nfrom solution import area\nTestCase, mock.Mock",
        "from solution import *\nfrom decimal import Decimal as D\narea(D(1), ValueError)",
        "from solution import *\nclass Fake: pass\ndef test_a(Given): area(Fake(), Given.Kind)",
        "from solution import *\nfor Case in []: area()\ntry: area()\nexcept OSError as Error: Error.Kind",
    ],
)
def test_what_the_tests_have_from_elsewhere_is_no_name_of_the_solution(tests: str) -> None:
    assert find_needs(tests).names == {"area"}


def test_failures_read_as_pytest_writes_them(sandbox: Sandbox) -> None:
    tests = """
import pytest
from solution import add
def test_wrong(): assert add(1, 2) == 4
def test_error(): add(1, "x")
def test_not_raised():
    with pytest.raises(ValueError): add(1, 2)
def test_message(): assert add(1, 2) == 4, "sum"
def test_fail(): pytest.fail("no")
def test_skip(): pytest.skip("later")
"""
    split = sandbox.run_tests(ADD, tests, kind="hidden")
    plain = sandbox.run_tests(ADD, tests, kind="hidden", split=False)
    assert split.runner == "mini"
    assert outcomes(split) == outcomes(plain)
    messages = [{o.name: o.message for o in run.outcomes if o.name != "test_skip"} for run in (split, plain)]
    assert messages[0] == messages[1]


@pytest.mark.parametrize(
    ("source", "ended", "detail"),
    [
        ("import os; os._exit(0)", "crashed", "the process ended with exit code 0 before its tests did"),
        ("def add(a, b):\n    import os; os._exit(3)", "crashed", "the process ended with exit code 3"),
        ("import os; os.kill(os.getpid(), 11) or os.abort()", "crashed", "the process was ended by SIG"),
        ("def (", "import_error", "solution: SyntaxError"),
        ("raise SystemExit(0)", "import_error", "solution: SystemExit: 0"),
        ("sub = 1", "import_error", "cannot import name 'add'"),
        ("while True: pass", "timeout", "wall time limit"),
        ("def add(a, b):\n    while True: pass", "timeout", "wall time limit"),
        ("def add(a, b):\n    while True: print('x' * 1000)", "output_limit", "bytes of output"),
    ],
)
def test_a_solution_that_ends_or_never_does_is_a_run(sandbox: Sandbox, source: str, ended: str, detail: str) -> None:
    tests = "from solution import add\ndef test_a(): assert add(1, 2) == 3"
    run = sandbox.run_tests(source, tests, kind="hidden", limits=Limits(wall_s=1.0) if ended == "timeout" else None)
    assert (run.ended, run.outcomes) == (ended, ())
    assert detail in run.detail
    assert run.tamper == "out_of_process"


def test_the_solution_never_sees_the_tests_or_what_they_expect(sandbox: Sandbox) -> None:
    source = """
import gc, os, sys
SEEN = []
class Value:
    def __eq__(self, other): SEEN.append(other); return True
    def __lt__(self, other): SEEN.append(other); return True
    def __rsub__(self, other): SEEN.append(other); return 0
    def __contains__(self, other): SEEN.append(other); return True
def value(): return Value()
def seen(): return SEEN
def texts():
    own = [v for o in gc.get_objects() if isinstance(o, dict) for v in list(o.values()) if isinstance(v, str)]
    return [text for text in own if "7654" + "321" in text]
def files(): return sorted(os.listdir(".")), "test_solution" in sys.modules
"""
    tests = """
import pytest
from solution import files, seen, texts, value
def test_a():
    assert value() != 7654321
    assert 7654321 != value()
    near = pytest.approx(7654321)
    for judge in (lambda v: v < 7654321, lambda v: 7654321 - v, lambda v: 7654321 in v, lambda v: v == near):
        try: assert not judge(value())
        except TypeError: pass
    assert seen() == []
    assert texts() == []
    names, has_tests = files()
    assert "test_solution.py" not in names and has_tests is False
"""
    run = sandbox.run_tests(source, tests, kind="hidden")
    assert outcomes(run) == {"test_a": "passed"}, run.outcomes


LEAVING = """
SEEN = []
class Nosy:
    def __init__(self, swallows=True): self.swallows = swallows
    def __enter__(self): return self
    def __exit__(self, kind, error, trace):
        SEEN.append((kind and kind.__name__, str(error), repr(getattr(error, "args", None))))
        return self.swallows
    async def __aenter__(self): return self
    async def __aexit__(self, kind, error, trace): return self.__exit__(kind, error, trace)
def attempt(function):
    try: function()
    except BaseException as error: SEEN.append((type(error).__name__, str(error), repr(error.args)))
def seen(): return SEEN
def fail(): raise AssertionError("own", 3)
def told(error): return str(error)
"""


def test_a_failed_assertion_crosses_without_a_word_and_is_not_swallowed(sandbox: Sandbox) -> None:
    tests = """
import asyncio
import pytest
from solution import Nosy, attempt, seen
class Custom(AssertionError): pass
def check(): assert len("abc") == 7654321
def custom(): raise Custom("7654321")
def group():
    try: check()
    except AssertionError as error: raise ExceptionGroup("some", [error])
async def enter(run):
    async with Nosy(): run()
@pytest.mark.parametrize("run", [check, custom, group])
def test_swallowed(run):
    with Nosy(): run()
@pytest.mark.parametrize("run", [check, custom])
def test_swallowed_async(run): asyncio.run(enter(run))
def test_callback():
    attempt(check)
    attempt(custom)
def test_learned():
    assert len(seen()) == 7
    assert not [entry for entry in seen() if "7654321" in str(entry)]
"""
    run = sandbox.run_tests(LEAVING, tests, kind="hidden")
    passed = [name for name, outcome in outcomes(run).items() if outcome == "passed"]
    assert passed == ["test_callback", "test_learned"], run.outcomes
    assert all("7654321" in o.message for o in run.outcomes if o.name not in [*passed, "test_swallowed[group]"])


def test_an_outcome_of_pytest_crosses_a_solution_and_later_tests_run(sandbox: Sandbox) -> None:
    tests = """
import pytest
from solution import Nosy, Rollback, attempt, guard, seen
@pytest.mark.parametrize("swallows", [False, True])
def test_fail(swallows):
    with Nosy(swallows): pytest.fail("wanted 7654321")
def test_skip():
    with Nosy(): pytest.skip("not 7654321")
def test_expected():
    with Nosy(): pytest.xfail("not 7654321")
def test_not_raised():
    with Nosy(), pytest.raises(ValueError): pass
def test_kind():
    with Rollback(): pytest.fail("rolled back")
def test_callback(): guard(lambda: pytest.fail("called back"))
def test_learned():
    assert Rollback.done and len(seen()) == 5
    assert {entry[1:] for entry in seen()} == {("", "()")}
"""
    source = f"""{LEAVING}
class Rollback(Nosy):
    done = False
    def __exit__(self, kind, error, trace):
        if issubclass(kind, BaseException) and isinstance(error, kind): Rollback.done = True
def guard(function):
    try: return function()
    finally: seen()
"""
    run = sandbox.run_tests(source, tests, kind="hidden")
    assert run.ended == "finished", run.detail
    skipped, failed = ["test_skip", "test_expected"], ["test_not_raised", "test_kind", "test_callback"]
    assert [o.name for o in run.outcomes if o.outcome == "skipped"] == skipped
    assert [o.name for o in run.outcomes if o.outcome == "failed"] == ["test_fail[False]", "test_fail[True]", *failed]
    assert [o.name for o in run.outcomes if o.outcome == "passed"] == ["test_learned"], run.outcomes


def test_any_other_exception_crosses_as_it_is(sandbox: Sandbox) -> None:
    tests = """
import asyncio
import pytest
from solution import Nosy, attempt, fail, seen, told
async def enter():
    async with Nosy(): raise KeyError("c", 1)
def test_swallowed():
    with Nosy(): raise ValueError("a")
    assert seen()[-1] == ("ValueError", "a", "('a',)")
def test_not_swallowed():
    with pytest.raises(ValueError, match="b"), Nosy(swallows=False): raise ValueError("b")
def test_swallowed_async():
    asyncio.run(enter())
    assert seen()[-1] == ("KeyError", "('c', 1)", "('c', 1)")
def test_the_solutions_own_assertion():
    with Nosy(): fail()
    assert seen()[-1] == ("AssertionError", "('own', 3)", "('own', 3)")
def test_an_assertion_that_nobody_raised(): assert told(AssertionError("d")) == "d"
"""
    run = sandbox.run_tests(LEAVING, tests, kind="hidden")
    assert set(outcomes(run).values()) == {"passed"}, run.outcomes
    assert run.tamper == "out_of_process"


def test_a_star_import_replaces_nothing_of_the_tests(sandbox: Sandbox) -> None:
    source = """
class Lax:
    def raises(self, *kinds): return self
    def __enter__(self): return self
    def __exit__(self, *failure): return True
pytest = Lax()
def abs(value): return 0
len = helper = __import__ = abs
def area(radius): return 5.0
__all__ = ["pytest", "abs", "len", "helper", "__import__", "__builtins__", "__name__", "area"]
"""
    tests = """
import pytest
def helper(value): return value
from solution import *
import solution
exported = solution.__all__
def test_area(): assert abs(area(1) - 3.14) < 1e-3
def test_raises():
    with pytest.raises(ValueError): area(-1)
def test_its_own(): assert (__name__, helper(1), len("ab")) == ("test_solution", 1, 2)
def test_the_module(): assert solution.__all__[:2] == exported[:2] == ["pytest", "abs"] and solution.abs(3) == 0
"""
    run = sandbox.run_tests(source, tests, kind="hidden")
    failed = dict.fromkeys(("test_area", "test_raises"), "failed")
    passed = dict.fromkeys(("test_its_own", "test_the_module"), "passed")
    assert outcomes(run) == failed | passed, run.outcomes


def test_the_tests_hand_out_nothing_but_calls(sandbox: Sandbox) -> None:
    source = """
def climb(thing):
    found = []
    hidden = ("__globals__", "__code__", "__closure__", "__self__", "__dict__", "__class__", "_secret", "expected")
    for name in (*hidden, "gen", "func", "args"):
        try: value = getattr(thing, name)
        except (AttributeError, PermissionError): continue
        if name == "__dict__" and value == {}: continue
        if type(value).__module__ != "builtins" or name == "_secret": found.append(name)
    return [name for name in found if name != "__class__"]
"""
    tests = """
from contextlib import contextmanager
from solution import climb
class Thing:
    _secret = 1
    def method(self): pass
@contextmanager
def opened(secret): yield secret
def plain(): pass
plain.expected = 5
def test_a():
    assert climb(plain) == climb(Thing()) == climb(Thing().method) == climb(climb) == []
    assert climb(Thing) == climb(opened(7)) == []
"""
    run = sandbox.run_tests(source, tests, kind="hidden")
    assert outcomes(run) == {"test_a": "passed"}, run.outcomes


@pytest.mark.parametrize(
    "run", ["eval", "exec", "__import__", "lambda text: [*map(eval, [text])]", "__import__('timeit').Timer"]
)
def test_the_words_of_a_solution_never_run_with_the_tests(sandbox: Sandbox, run: str) -> None:
    source = f"run = {run}\ndef words(): return '__import__(\"os\")._exit(0)'"
    tests = """
import timeit
import solution
def test_a():
    made = solution.run(solution.words())
    made.timeit(1)
def test_b(): assert False
"""
    result = sandbox.run_tests(source, tests, kind="hidden", split=True)
    assert "passed" not in outcomes(result).values()
    assert result.tamper == "out_of_process"


def test_the_words_of_a_solution_run_with_the_solution(sandbox: Sandbox) -> None:
    source = 'import sys\nrun = eval\ndef words(): return \'"test_solution" in __import__("sys").modules\''
    tests = "import solution\ndef test_a(): assert solution.run(solution.words()) is False"
    assert outcomes(sandbox.run_tests(source, tests, kind="hidden")) == {"test_a": "passed"}


@pytest.mark.parametrize(
    ("body", "slots"), [("__slots__ = ('x',)", True), ("__slots__ = ()", True), ("pass", False), ("x = 1", False)]
)
def test_a_class_has_slots_if_the_solutions_has(sandbox: Sandbox, body: str, slots: bool) -> None:
    tests = f"""
import solution
def test_class(): assert hasattr(solution.A, "__slots__") is {slots}
def test_object(): assert hasattr(solution.A(), "__slots__") is {slots}
def test_room(): assert hasattr(solution.A(), "__dict__") is {not slots}
"""
    run = sandbox.run_tests(f"class A:\n    {body}", tests, kind="hidden")
    assert run.tamper == "out_of_process"
    assert set(outcomes(run).values()) == {"passed"}, run.outcomes


def test_a_mapping_is_compared_by_what_it_said_it_holds(sandbox: Sandbox) -> None:
    source = """
from collections.abc import Mapping, Set
SEEN = []
class Box(Mapping):
    def __init__(self, **items): self._items = items
    def __getitem__(self, key): return self._items[key]
    def __iter__(self): return iter(self._items)
    def __len__(self): return len(self._items)
class Any(Box):
    def __eq__(self, other): SEEN.append(other); return True
class Other(Box):
    def items(self): return 5
class Some(Set):
    def __contains__(self, item): SEEN.append(item); return True
    def __iter__(self): return iter([1])
    def __len__(self): return 1
def box(): return Box(a=1)
def anything(): return Any(a=1)
def other(): return Other(a=1)
def some(): return Some()
def seen(): return SEEN
"""
    tests = """
import pytest
from solution import anything, box, other, seen, some
def test_equal(): assert box() == {"a": 1} == box() and some() == {1} and box() == box()
def test_unequal(): assert box() != {"a": 2} and box() != {} and box() != [("a", 1)] and some() != {1, 2}
def test_its_own_word_is_not_taken():
    assert anything() != {"a": 1} and anything() != {"b": 7654321}
    assert not some() >= {7654321} and 7654321 not in list(some())
    with pytest.raises(TypeError): other() == {"a": 7654321}
def test_it_saw_nothing(): assert seen() == []
"""
    run = sandbox.run_tests(source, tests, kind="hidden")
    assert set(outcomes(run).values()) == {"passed"}, run.outcomes


def test_what_an_exception_was_raised_from_is_told_but_not_believed(sandbox: Sandbox) -> None:
    source = """
class Loop(Exception): pass
def plain(): raise Loop("x")
def cyclic():
    first, second = Loop("first"), Loop("second")
    first.__context__, second.__context__ = second, first
    raise first
def both():
    try: raise KeyError(1)
    except KeyError as error:
        try: raise ValueError(2)
        except ValueError: raise Loop("x") from error
"""
    tests = """
import pytest
from solution import Loop, both, cyclic, plain
def test_plain():
    with pytest.raises(Loop) as caught: plain()
    assert caught.value.__cause__ is None is caught.value.__context__ and not caught.value.__suppress_context__
def test_cyclic():
    with pytest.raises(Loop, match="^first$") as caught: cyclic()
    assert str(caught.value.__context__) == "second"
def test_both():
    with pytest.raises(Loop) as caught: both()
    assert type(caught.value.__cause__) is KeyError and type(caught.value.__context__) is ValueError
    assert caught.value.__suppress_context__
"""
    run = sandbox.run_tests(source, tests, kind="hidden")
    assert set(outcomes(run).values()) == {"passed"}, run.outcomes


@pytest.mark.parametrize(
    "replaced",
    [
        "monkeypatch.setattr(random, 'randint', lambda a, b: 9)",
        "monkeypatch.setattr('random.randint', lambda a, b: 9)",
        "mock.patch('random.randint', return_value=9).start()",
        "mock.patch.object(random, 'randint', return_value=9).start()",
        "random.randint = lambda a, b: 9",
        "setattr(random, 'randint', lambda a, b: 9)",
    ],
)
def test_what_is_replaced_in_a_module_of_both_needs_one_process(sandbox: Sandbox, replaced: str) -> None:
    """Each process has that module for itself: out of process an honest solution would fail such a test."""
    source = "import random\ndef roll(): return random.randint(1, 6)"
    tests = f"""
import random
from unittest import mock
import solution
def test_a(monkeypatch):
    {replaced}
    assert solution.roll() == 9
"""
    run = sandbox.run_tests(source, tests, kind="hidden")
    assert (outcomes(run), run.tamper) == ({"test_a": "passed"}, "in_process")
    assert "line 6: replaces a part of random" in run.fallback


@pytest.mark.parametrize(
    "replaced",
    [
        "monkeypatch.setattr(solution.random, 'randint', 1)",
        "monkeypatch.setattr('solution.random.randint', 1)",
        "mock.patch.object(solution, 'random')",
        "mock.patch('solution.random')",
        "thing.value = random.random()",
        "client.patch('/users/1.json')",
        "mock.patch.dict(settings, a=1)",
        "random.choice([object])",
    ],
)
def test_what_is_replaced_in_the_solution_does_not(replaced: str) -> None:
    assert find_needs(f"import random\nimport solution\n{replaced}").same_process == ""
