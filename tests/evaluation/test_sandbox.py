"""What a run of tests says: outcomes, ends, what the tests can see, and the clock they live by."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Literal

import pytest

from green_logic.evaluation.sandbox import Limits, Sandbox, TestRun


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.open(workers=1) as opened:
        yield opened


def run(
    sandbox: Sandbox, source: str, tests: str, kind: Literal["own", "hidden"] = "own", limits: Limits | None = None
) -> TestRun:
    return sandbox.run_tests(textwrap.dedent(source), textwrap.dedent(tests), kind=kind, limits=limits)


def outcomes(result: TestRun) -> dict[str, str]:
    return {outcome.name: outcome.outcome for outcome in result.outcomes}


def test_every_kind_of_outcome_is_told_apart(sandbox: Sandbox) -> None:
    tests = """
    import unittest, pytest
    def test_good(): assert double(2) == 4
    def test_bad(): assert double(2) == 5
    @pytest.fixture
    def broken(): raise RuntimeError("no fixture")
    def test_broken(broken): pass
    @pytest.mark.skip(reason="later")
    def test_later(): pass
    @pytest.mark.xfail
    def test_known(): assert False
    @pytest.mark.parametrize("n", [1, 2])
    def test_each(n): assert n == 1
    class TestGroup:
        def test_inside(self): assert True
    class TestCase(unittest.TestCase):
        def test_equal(self): self.assertEqual(double(1), 3)
        def test_parts(self):
            for n in (1, 2):
                with self.subTest(n=n): self.assertEqual(n, 1)
    class TestSetup(unittest.TestCase):
        @classmethod
        def setUpClass(cls): raise OSError("no database")
        def test_never(self): pass
    class TestTeardown:
        def teardown_method(self): raise ValueError("left dirty")
        def test_dirty(self): pass
    """
    result = run(sandbox, "def double(x): return 2 * x", tests)
    assert (result.ended, result.detail) == ("finished", "")
    assert outcomes(result) == {
        "test_good": "passed",
        "test_bad": "failed",
        "test_broken": "error",
        "test_later": "skipped",
        "test_known": "skipped",
        "test_each[1]": "passed",
        "test_each[2]": "failed",
        "TestGroup::test_inside": "passed",
        "TestCase::test_equal": "failed",
        "TestCase::test_parts": "failed",
        "TestSetup::test_never": "error",
        "TestTeardown::test_dirty": "error",
    }
    messages = {outcome.name: outcome.message for outcome in result.outcomes}
    assert messages["test_good"] == ""
    assert messages["test_bad"] == "assert 4 == 5"
    assert messages["TestCase::test_equal"] == "AssertionError: 2 != 3"
    assert messages["TestSetup::test_never"] == "OSError: no database"
    assert messages["test_later"].endswith("later")


def test_messages_are_the_same_in_every_run(sandbox: Sandbox) -> None:
    tests = """
    import random, tempfile
    from unittest.mock import Mock
    def test_address(): raise ValueError(f"{object()}\\nsecond line")
    def test_mock(): raise ValueError(str(Mock()))
    def test_random(): raise ValueError(str(random.random()))
    def test_hash(): raise ValueError(str(set("abcdef")))
    def test_folder(): raise ValueError(tempfile.mkdtemp())
    def test_control(): raise ValueError("\\x1b[31mred\\x07")
    def test_long(): raise ValueError("x" * 5000)
    """
    first, second = run(sandbox, "", tests), run(sandbox, "", tests)
    assert first.outcomes == second.outcomes
    messages = {outcome.name: outcome.message for outcome in first.outcomes}
    assert messages["test_address"] == "ValueError: <object object at 0x…>"
    assert "\x1b" not in messages["test_control"]
    assert len(messages["test_long"]) == 300


@pytest.mark.parametrize(
    ("source", "tests", "ended", "detail"),
    [
        ("def f(:", "def test_a(): pass", "import_error", "solution: SyntaxError: invalid syntax (line 1)"),
        (
            "x = 1\nx.y",
            "def test_a(): pass",
            "import_error",
            "solution: AttributeError: 'int' object has no attribute 'y' (line 2)",
        ),
        ("raise SystemExit(0)", "def test_a(): pass", "import_error", "solution: SystemExit: 0 (line 1)"),
        (
            "",
            "\nimport nothing.at_all",
            "import_error",
            "ModuleNotFoundError: No module named 'nothing.at_all'; 'nothing' is not a package (line 2)",
        ),
        (
            "",
            "from fastapi import FastAPI",
            "import_error",
            "ImportError: cannot import name 'FastAPI' from 'solution' (/box/solution.py) (line 1)",
        ),
        (
            "import fastapi",
            "def test_a(): pass",
            "import_error",
            "solution: ModuleNotFoundError: No module named 'fastapi' (line 1)",
        ),
        ("", "x = 1", "no_tests", ""),
        ("", "", "no_tests", ""),
        ("def test_of_the_solution(): pass", "x = 1", "no_tests", ""),
        (
            "",
            "import pytest\npytest.importorskip('numpy')",
            "no_tests",
            "skipped: could not import 'numpy': No module named 'numpy'",
        ),
    ],
)
def test_a_file_without_tests_to_run_says_why(
    sandbox: Sandbox, source: str, tests: str, ended: str, detail: str
) -> None:
    result = run(sandbox, source, tests)
    assert (result.ended, result.detail, result.outcomes) == (ended, detail, ())


def test_null_bytes_are_an_import_error(sandbox: Sandbox) -> None:
    result = run(sandbox, "x = '\0'", "def test_a(): pass")
    assert result.ended == "import_error"
    assert result.detail.endswith("source code string cannot contain null bytes")


def test_a_hundred_threads_are_honest(sandbox: Sandbox) -> None:
    tests = """
    import threading
    def test_a():
        started = threading.Barrier(101)
        for _ in range(100): threading.Thread(target=started.wait).start()
        started.wait()
    """
    assert outcomes(run(sandbox, "", tests)) == {"test_a": "passed"}


def test_a_broken_parameter_list_is_an_error_beside_the_other_tests(sandbox: Sandbox) -> None:
    tests = """
    import pytest
    @pytest.mark.parametrize("a, b", [(1,)])
    def test_wrong(a, b): pass
    def test_right(): pass
    """
    result = run(sandbox, "", tests)
    assert result.ended == "finished"
    assert outcomes(result) in ({"test_right": "passed", "collection": "error"}, {"collection": "error"})


@pytest.mark.parametrize(
    "statement",
    [
        "",
        "from solution import Cache, _hidden",
        "from lru_cache import Cache, _hidden",
        "import main\nCache, _hidden = main.Cache, main._hidden",
        "from your_module import *\nfrom your_module import _hidden",
        "from __main__ import Cache, _hidden",
    ],
)
def test_own_tests_find_the_solution_however_they_name_it(sandbox: Sandbox, statement: str) -> None:
    source = (
        "import math\nclass Cache: size = 3\ndef _hidden(): return 1\nif __name__ == '__main__': raise SystemExit(1)"
    )
    tests = (
        statement
        + "\ndef test_a(): assert Cache.size + _hidden() == 4\ndef test_b(): assert round(2.5) == 2 and Cache().size"
    )
    tests += "\nif __name__ == '__main__':\n    import unittest\n    unittest.main()"
    result = run(sandbox, source, tests)
    assert (result.ended, outcomes(result)) == ("finished", {"test_a": "passed", "test_b": "passed"})


def test_own_tests_see_names_as_they_are_at_the_moment_of_use(sandbox: Sandbox) -> None:
    source = """
    count = 0
    class TimeoutError(Exception): pass
    def step():
        global count
        count += 1
    def late(): raise TimeoutError
    """
    tests = """
    import pytest
    from unittest.mock import patch
    def test_counts():
        step()
        assert count == 1
    def test_shadowed_builtin():
        with pytest.raises(TimeoutError): late()
    def test_patched_builtin():
        with patch("builtins.open") as fake: assert open("x") is fake.return_value
    def test_patched():
        with patch("solution.count", 7): assert count == 7
    """
    assert set(outcomes(run(sandbox, source, tests)).values()) == {"passed"}


def test_hidden_tests_see_the_solution_by_its_name_alone(sandbox: Sandbox) -> None:
    source = "def f(): return 1"
    assert outcomes(run(sandbox, source, "from solution import f\ndef test_a(): assert f() == 1", "hidden")) == {
        "test_a": "passed"
    }
    assert run(sandbox, source, "from answer import f\ndef test_a(): assert f()", "hidden").ended == "import_error"
    assert outcomes(run(sandbox, source, "def test_a(): assert f() == 1", "hidden")) == {"test_a": "failed"}


def test_jobs_share_nothing(sandbox: Sandbox) -> None:
    writer = """
    import json, tempfile
    json.mark = 1
    for path in ("left", tempfile.gettempdir() + "/left"): open(path, "w").close()
    """
    assert run(sandbox, writer, "def test_a(): pass").ended == "finished"
    tests = """
    import json, os, tempfile
    def test_a():
        assert not hasattr(json, "mark")
        assert not os.path.exists("left") and not os.path.exists(tempfile.gettempdir() + "/left")
    """
    assert outcomes(run(sandbox, "", tests)) == {"test_a": "passed"}


def test_a_minute_of_sleep_passes_on_every_clock_at_once(sandbox: Sandbox) -> None:
    tests = """
    import datetime, pickle, time
    from datetime import datetime as moment
    from time import monotonic, perf_counter, sleep
    def test_clocks():
        before = (time.time(), monotonic(), perf_counter(), time.time_ns() / 1e9, moment.now().timestamp(),
                  time.mktime(time.localtime()), moment.now(datetime.timezone.utc).timestamp())
        sleep(3600)
        after = (time.time(), monotonic(), perf_counter(), time.time_ns() / 1e9, moment.now().timestamp(),
                 time.mktime(time.localtime()), moment.now(datetime.timezone.utc).timestamp())
        for a, b in zip(before, after): assert 3599 <= b - a < 3700
    def test_days():
        today = datetime.date.today()
        time.sleep(3 * 86400)
        assert (datetime.date.today() - today).days in (3, 4)
    def test_types_stay_sane():
        now = moment.now()
        assert type(now) is datetime.datetime and isinstance(now, moment) and pickle.loads(pickle.dumps(now)) == now
        class Mine(moment): pass
        assert type(Mine.now()) is Mine and repr(moment(2020, 1, 1)) == "datetime.datetime(2020, 1, 1, 0, 0)"
    def test_nonsense_is_refused():
        for wrong in (-1, "1", None):
            try: time.sleep(wrong)
            except (ValueError, TypeError): continue
            raise AssertionError(wrong)
    """
    result = run(sandbox, "", tests, limits=Limits(wall_s=30))
    assert set(outcomes(result).values()) == {"passed"}, result.outcomes
    assert result.cpu_s < 30  # nobody slept an hour


def test_threads_and_waits_run_in_real_time(sandbox: Sandbox) -> None:
    tests = """
    import queue, signal, subprocess, threading, time
    import pytest
    def test_order():
        seen = []
        def late(): time.sleep(1.0); seen.append("late")
        def soon(): time.sleep(0.02); seen.append("soon")
        threads = [threading.Thread(target=f) for f in (late, soon)]
        for t in threads: t.start()
        for t in threads: t.join()
        assert seen == ["soon", "late"]
    def test_main_thread_waits_for_others():
        done = threading.Event()
        threading.Thread(target=lambda: (time.sleep(0.01), done.set())).start()
        time.sleep(1.0)
        assert done.is_set()
    def test_timeouts():
        assert not threading.Event().wait(0.01)
        with pytest.raises(queue.Empty): queue.Queue().get(timeout=0.01)
    def test_alarm():
        class Rang(Exception): pass
        def ring(*a): raise Rang
        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Rang): time.sleep(5)
    def test_child():
        child = subprocess.Popen(["sleep", "0.1"])
        while child.poll() is None: time.sleep(0.05)
        assert child.returncode == 0
    """
    assert set(outcomes(run(sandbox, "", tests)).values()) == {"passed"}


def test_honest_use_of_the_standard_library_works(sandbox: Sandbox) -> None:
    tests = """
    import asyncio, multiprocessing, pathlib, sqlite3, subprocess, sys, tempfile, threading
    from concurrent.futures import ThreadPoolExecutor
    def test_asyncio():
        async def main(): await asyncio.sleep(0.001); return 5
        assert asyncio.run(main()) == 5
    def test_sqlite(tmp_path):
        db = sqlite3.connect(tmp_path / "x.db")
        db.execute("create table t (a)"); db.execute("insert into t values (1)"); db.commit()
        assert sqlite3.connect(tmp_path / "x.db").execute("select a from t").fetchall() == [(1,)]
    def test_temporary():
        with tempfile.TemporaryDirectory() as d: pathlib.Path(d, "f").write_text("x")
        with tempfile.NamedTemporaryFile() as f: f.write(b"x")
    def test_subprocess():
        assert subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, check=True).stdout == b"1\\n"
    def test_multiprocessing():
        with multiprocessing.get_context("fork").Pool(2) as pool: assert pool.map(abs, [-1, -2]) == [1, 2]
    def test_pool():
        with ThreadPoolExecutor(16) as pool: assert sum(pool.map(abs, range(-100, 0))) == 5050
    def test_capture(capsys, caplog, monkeypatch):
        print("hello")
        assert capsys.readouterr().out == "hello\\n"
    """
    result = run(sandbox, "", tests)
    assert set(outcomes(result).values()) == {"passed"}, (result.outcomes, result.output)


def test_a_forked_child_that_runs_on_reports_nothing(sandbox: Sandbox) -> None:
    tests = """
    import os
    def test_fork():
        child = os.fork()
        if child: os.waitpid(child, 0)
        else: raise SystemExit(0)
    def test_after(): pass
    """
    result = run(sandbox, "", tests)
    assert (result.ended, outcomes(result)) == ("finished", {"test_fork": "passed", "test_after": "passed"})
