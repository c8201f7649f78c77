"""What a solution warns of and logs reaches tests that listen, and no more of it than they can judge."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from green_logic.evaluation.isolation.split.records import PLAIN, describe_record, restore_record
from green_logic.evaluation.isolation.split.wire import LostError
from green_logic.evaluation.sandbox import Sandbox, TestRun

SOLUTION = """
import gc, json, logging, sys, warnings
log = logging.getLogger("hostile")
def peer(): return next(found for found in gc.get_objects() if type(found).__name__ == "SolutionPeer")
def forge(text):
    for entry in json.loads(text): peer().mirrors.news.add(entry)
def ask(handler, op, named):
    found = peer()
    try: return repr(found.request(op, handler._handed_number, "stream", **json.loads(named)))
    except Exception as error: return type(error).__name__
def swallow(function):
    try: function()
    except BaseException: return "swallowed"
def say(n):
    for i in range(n): log.warning("%d", i)
    return n
def warn(n, text="w", goes_on=False):
    if goes_on: peer()._asides._told = 0
    for i in range(n): warnings.warn(f"{text} {i}")
    return n
HEARD = []
def overhear():
    receiver = sys.modules["green_logic.evaluation.isolation.split.wire"].Receiver
    receive = receiver.receive
    def listen(self):
        message = receive(self)
        HEARD.append(json.dumps(message))
        return message
    receiver.receive = listen
def heard(part): return [text for text in HEARD if part[::-1] in text]
"""
LISTENING = """
import logging, warnings
import pytest
from solution import ask, forge, heard, log, overhear, say, swallow, warn
"""


def record(**changed: Any) -> list[Any]:
    """An entry of a log record as an honest solution's process makes it."""
    told = {"name": "a", "levelno": 30, "levelname": "WARNING", "pathname": "a.py", "lineno": 1, "args": ["t", []]}
    told |= {"text": "x", "msg": "x"} | changed
    given = {name: value for name, value in told.items() if value is not Ellipsis}
    return ["L", given, "root", True, "root"]


def warning(**changed: Any) -> list[Any]:
    """The same of a warning."""
    return ["W", ["E", {"base": "UserWarning", "text": "w", "args": ["w"]} | changed], "a.py", 1, False]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.open(workers=1) as opened:
        yield opened


def run(sandbox: Sandbox, tests: str) -> TestRun:
    found = sandbox.run_tests(SOLUTION, LISTENING + tests, kind="hidden")
    assert found.tamper == "out_of_process", found
    return found


def outcomes(found: TestRun) -> dict[str, str]:
    return {outcome.name: outcome.outcome for outcome in found.outcomes}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda parts: st.lists(parts, max_size=3) | st.tuples(parts) | st.dictionaries(st.text(max_size=3), parts),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*PLAIN, "text", "msg", "args", "error", "extra size"]), ANYTHING))
def test_what_is_told_of_a_record_makes_one_or_is_refused(changed: dict[str, Any]) -> None:
    told = describe_record(logging.makeLogRecord({"name": "a", "msg": "%s", "args": ("x",)})) | changed
    try:
        made = restore_record(told)
    except LostError:
        return
    assert made.getMessage() == told["text"]
    for name in PLAIN.keys() & told.keys():
        assert vars(made)[name] is told[name]


def test_a_record_is_what_it_was() -> None:
    record = logging.makeLogRecord({"name": "a", "msg": "%s", "args": ("x",), "size": 3, "_own": 4, "levelno": 30})
    made = restore_record(describe_record(record))
    assert (made.getMessage(), made.msg, made.args, vars(made)["size"]) == ("x", "%s", ("x",), 3)
    assert "_own" not in vars(made)


FORGING = "def test_a(caplog, recwarn):\n    forge({!r})\n    log.level\n    print(caplog.records, recwarn.list)\n"


@pytest.mark.parametrize("entry", [record(), warning(), record(exc_text="t"), record(**{"extra size": 3})])
def test_what_an_honest_process_tells_is_taken(sandbox: Sandbox, entry: list[Any]) -> None:
    assert outcomes(run(sandbox, FORGING.format(json.dumps([entry])))) == {"test_a": "passed"}


@pytest.mark.parametrize(
    "entry",
    [
        ["L"],
        record()[:4],
        ["L", [], "root", True, "root"],
        ["L", {}, "root", True, "root"],
        [*record()[:2], 5, True, "root"],
        [*record()[:4], 5],
        record(levelno="30"),
        record(levelno=True),
        record(name=...),
        record(pathname=["t", []]),
        record(text=...),
        record(text="x" * 100_001),
        record(exc_text="x" * 100_001),
        record(name="." * 4097),
        record(args="x"),
        record(args=["t", [["t", []]]]),
        record(error="ValueError"),
        record(**{"extra getMessage": 1}),
        record(**{"extra _heard": "y"}),
        record(**{"extra levelno": 50}),
        record(**{f"extra n{n}": n for n in range(21)}),
        record(msg=["h", 99]),
        ["W", "text", "a.py", 1, False],
        ["W", ["t", []], "a.py"],
        ["o", "stdout"],
        warning(base="ValueError"),
        warning(base="eval"),
        [*warning()[:2], 5, 1, False],
        [*warning()[:2], "a" * 5000, 1, False],
        [*warning()[:3], "1", False],
    ],
)
def test_what_makes_no_sense_is_a_run_that_crashed(sandbox: Sandbox, entry: list[Any]) -> None:
    found = run(sandbox, FORGING.format(json.dumps([entry])))
    assert (found.ended, found.outcomes) == ("crashed", ()), found


@pytest.mark.parametrize("entry", [record(), warning()])
def test_tests_that_do_not_listen_are_told_nothing(sandbox: Sandbox, entry: list[Any]) -> None:
    tests = f"from solution import forge\ndef test_a():\n    forge({json.dumps([entry])!r})\n    forge('[]')\n"
    found = sandbox.run_tests(SOLUTION, tests, kind="hidden")
    assert (found.ended, found.outcomes) == ("crashed", ())


def test_a_flood_is_cut_and_costs_no_test(sandbox: Sandbox) -> None:
    tests = """
def test_logs(caplog):
    assert say(12_000) == 12_000
    assert caplog.messages[:2] == ["0", "1"] and len(caplog.records) == 10_000
def test_warnings(recwarn):
    warnings.simplefilter("always")
    assert warn(12_000) == 12_000
    assert len(recwarn) == 10_000
"""
    assert outcomes(run(sandbox, tests)) == {"test_logs": "passed", "test_warnings": "passed"}


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_flood_without_end_is_cut_or_a_run_that_crashed(sandbox: Sandbox, goes_on: bool) -> None:
    calls = f"for n in range(6): warn(9_000, str(n), goes_on={goes_on})"
    found = run(sandbox, f"def test_a(recwarn):\n    {calls}\n    assert len(recwarn) == 50_000\n")
    if not goes_on:
        assert outcomes(found) == {"test_a": "passed"}
        return
    assert (found.ended, found.outcomes) == ("crashed", ())


def test_what_the_tests_want_to_hear_stays_with_them(sandbox: Sandbox) -> None:
    tests = """
import unittest
class Wanted7654321(UserWarning): pass
class TestA(unittest.TestCase):
    def setUp(self): overhear()
    def test_a(self):
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "tell7654321", Wanted7654321)
            with pytest.warns(UserWarning, match="w [07654321]"):
                assert warn(1) == 1
        logging.getLogger("name7654321").setLevel(logging.ERROR)
        with self.assertNoLogs("other7654321", "DEBUG"), self.assertLogs("hostile", "WARNING"):
            assert say(1) == 1
        assert heard("1234567") == []
    def test_b(self):
        warn(0, "told7654321")
        assert heard("1234567") != []
"""
    assert outcomes(run(sandbox, tests)) == {"TestA::test_a": "passed", "TestA::test_b": "passed"}


def test_what_a_handler_asserts_nobody_swallows(sandbox: Sandbox) -> None:
    tests = """
class Strict(logging.Handler):
    def emit(self, record): assert record.getMessage() == "expected"
@pytest.fixture
def strict():
    handler = Strict()
    logging.getLogger("hostile").addHandler(handler)
    yield
    logging.getLogger("hostile").removeHandler(handler)
def test_directly(strict): say(1)
def test_through_a_callback(strict): assert swallow(lambda: say(1)) != "expected"
def test_another(strict):
    with pytest.raises(AssertionError): say(1)
"""
    found = outcomes(run(sandbox, tests))
    assert found == {"test_directly": "failed", "test_through_a_callback": "passed", "test_another": "passed"}


def test_errors_of_warnings_come_when_the_call_is_over(sandbox: Sandbox) -> None:
    tests = """
@pytest.fixture(autouse=True)
def strict():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
def test_fails(): warn(1)
def test_fails_before_what_is_raised():
    with pytest.raises(TypeError): warn(1, 0) or warn("x")
def test_the_first():
    with pytest.raises(UserWarning, match="w 0"): warn(3)
    assert warn(0) == 0
"""
    found = outcomes(run(sandbox, tests))
    assert found == {"test_fails": "failed", "test_fails_before_what_is_raised": "failed", "test_the_first": "passed"}


@pytest.mark.parametrize(
    ("op", "named"),
    [("log", {}), ("log", {"name": "a", "levelno": 30}), ("get", {}), ("call", {}), ("emit", {})],
)
def test_a_handler_that_is_handed_over_takes_records_only(sandbox: Sandbox, op: str, named: dict[str, Any]) -> None:
    tests = f"""
def test_a():
    handler = logging.StreamHandler()
    log.addHandler(handler)
    assert ask(handler, {op!r}, {json.dumps(named)!r}) == "PermissionError"
"""
    found = run(sandbox, tests)
    expected = ("crashed", {}) if op == "log" else ("finished", {"test_a": "passed"})
    assert (found.ended, outcomes(found)) == expected, found


@pytest.mark.parametrize("handed", ["[].append", "object()", "logging.getLevelName"])
def test_only_a_handler_takes_records(sandbox: Sandbox, handed: str) -> None:
    tests = f"def test_a(): assert ask({handed}, 'log', '{{}}') == 'PermissionError'\n"
    assert outcomes(run(sandbox, tests)) == {"test_a": "passed"}


def test_a_logger_comes_back_only_where_it_was_handed_over(sandbox: Sandbox) -> None:
    forged = json.dumps([["l", 1, [["L", "root"]]]])
    found = run(sandbox, f"def test_a():\n    forge({forged!r})\n    log.level\n")
    assert (found.ended, found.outcomes) == ("crashed", ())
