"""Runs one test file against one solution, inside the sandbox, and reports through a pipe.

Everything here shares its process with hostile code: it is built to report honest runs well, not to withstand lies.
"""

from __future__ import annotations

import ast
import builtins
import codecs
import contextlib
import functools
import importlib
import json
import os
import random
import sys
import threading
import types
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
from _pytest.assertion.rewrite import rewrite_asserts
from _pytest.config import default_plugins

from green_logic.evaluation.isolation.clock import VirtualClock, install_clock
from green_logic.evaluation.isolation.earlier import NOTHING, Earlier
from green_logic.evaluation.isolation.exchange import write_all

SOLUTION = "solution"
TESTS = "test_solution"
# what a submission's tests cannot need; each of these costs a millisecond or more in every job
UNUSED_PLUGINS = (
    "cacheprovider",
    "doctest",
    "faulthandler",
    "junitxml",
    "pastebin",
    "setuponly",
    "setupplan",
    "stepwise",
    "terminal",
)
WARNINGS_PLUGIN = "warnings"  # likewise, but for hidden tests: their marks, and filters for each test
THREAD_STACK_BYTES = 2 << 20  # 8 MB each, the default, would let RLIMIT_AS refuse a hundred threads
RANKS = {"passed": 0, "skipped": 1, "failed": 2, "error": 3}


# what many submissions import, loaded once in the zygote; none of them keeps a clock that `VirtualClock` replaces
COMMON_MODULES = (
    "asyncio",
    "concurrent.futures.thread",
    "dataclasses",
    "hashlib",
    "queue",
    "unittest.mock",
)


class Reporter:
    """The guest's end of the results pipe."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pid = os.getpid()
        # bound now: a test may replace them and forget to put them back
        self._write, self._getpid, self._dumps = os.write, os.getpid, json.dumps

    def send(self, **record: str) -> None:
        """Write one record; silent in a child that a test forked and let run on."""
        if self._getpid() != self._pid:
            return
        line = memoryview(self._dumps(record).encode() + b"\n")
        while line:
            line = line[self._write(self._descriptor, line) :]

    def fail(self, name: str, message: str) -> None:
        """Report a test that failed."""
        self.send(test=name, outcome="failed", message=message)


class Recorder:
    """A pytest plugin that reports each test once, with the worst of its phases."""

    def __init__(self, reporter: Reporter, earlier: Earlier = NOTHING) -> None:
        self._reporter = reporter
        self._earlier = earlier
        self._outcome, self._message = "passed", ""
        self.errors = 0
        self._left = 0

    @property
    def is_complete(self) -> bool:
        """Whether every collected test was reported: pytest.exit, for one, ends a run early with any code it likes."""
        return self._left == 0

    @pytest.hookimpl(trylast=True)  # when the order is settled
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what an earlier run has told of."""
        items[:] = self._earlier.leave(items, lambda item: _name_of(item.nodeid), self._fail)

    def _fail(self, name: str, message: str) -> None:
        self.errors += 1  # told without being run, like what cannot be collected: it may be the only test there is
        self._reporter.fail(name, message)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """From here on the tests to come are known."""
        self._left = len(session.items)

    def pytest_configure(self, config: pytest.Config) -> None:
        """No tracebacks: nobody reads them, and finding the source of each frame is a third of a failing job."""
        config.option.tbstyle = "value"

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A class or parameter list that cannot be collected is a test that cannot run."""
        if report.failed:
            self.errors += 1
            name = report.nodeid.partition("::")[2] or "collection"
            self._reporter.send(test=name, outcome="error", message=_first_line(report))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Setup, call, teardown, or one subtest."""
        outcome = "error" if report.failed and report.when != "call" else report.outcome
        if RANKS[outcome] > RANKS[self._outcome]:
            self._outcome, self._message = outcome, _first_line(report)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """All phases of one test are over."""
        name = _name_of(nodeid)
        self._reporter.send(test=name, outcome=self._outcome, message=self._message)
        self._left -= 1
        self._outcome, self._message = "passed", ""


class SolutionNames(dict[str, object]):
    """Builtins, behind the names of the solution as they are at the moment of use.

    Tests of agents are often written as if they stood in the solution's file. Names put into the tests' own globals
    would be collected as tests when they look like tests; builtins are not.
    """

    def __init__(self) -> None:
        super().__init__(vars(builtins))
        self._solution: dict[str, object] = {}

    def show(self, solution: types.ModuleType) -> SolutionNames:
        """Stand in front of the builtins with the names of `solution`."""
        self._solution = vars(solution)
        if builtins.__import__ is not self.get("__import__"):  # the one name that is not looked up by `__getitem__`
            self["__import__"] = builtins.__import__
        return self

    def __getitem__(self, name: str) -> object:
        if name in self._solution and not name.startswith("__"):
            return self._solution[name]
        return vars(builtins)[name]  # not our copy: tests patch "builtins.open"


@functools.cache
def solution_names() -> SolutionNames:
    """The one for all: copying the builtins touches the memory of each, which is then no longer shared."""
    return SolutionNames()


class SolutionAliases(MetaPathFinder, Loader):
    """Finds the solution under any name that the tests import and that nothing else answers to."""

    def __init__(self, solution: types.ModuleType) -> None:
        self._solution = solution

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        """A spec for top-level imports that the test file itself makes; pytest and the library ask in vain."""
        if path is not None or _importer() != TESTS:
            return None
        return ModuleSpec(fullname, self)

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        """The one solution, whatever the name."""
        return self._solution

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing: it ran already."""


def preload() -> None:
    """Import, before any job, what every job would import."""
    plugins = (f"_pytest.{name}" for name in default_plugins if name not in UNUSED_PLUGINS)
    for name in (*plugins, *COMMON_MODULES):
        importlib.import_module(name)
    codecs.lookup("unicode_escape")  # imports what pytest names parameters with


def run_guest(descriptor: int, source: str, tests: str, kind: str, earlier: Earlier = NOTHING) -> None:
    """Run `tests` against `source` in the current directory and report to `descriptor`; the last record is the end."""
    reporter = Reporter(descriptor)
    prepare_process({SOLUTION: source, TESTS: tests})
    end, detail = _run(reporter, source, tests, kind, earlier)
    for stream in (sys.stdout, sys.stderr):
        # the process ends without cleaning up; a stream that the submission broke is its own loss
        with contextlib.suppress(Exception):
            stream.flush()
    if end:
        reporter.send(end=end, detail=detail)


def prepare_process(modules: dict[str, str]) -> VirtualClock:
    """Make this process one that runs `modules` (name -> source). Returns its clock."""
    # for tracebacks, inspect and child processes; all of them now, for a solution may fill the disk
    for name, text in modules.items():
        descriptor = os.open(f"{name}.py", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        write_all(descriptor, text.encode("utf-8", "replace"))
        os.close(descriptor)
    sys.dont_write_bytecode = True
    sys.argv = [f"{TESTS}.py"]
    sys.path.insert(0, os.getcwd())  # noqa: PTH109  a path object costs more than the call
    random.seed(0)
    threading.stack_size(THREAD_STACK_BYTES)
    return install_clock()


def _run(reporter: Reporter, source: str, tests: str, kind: str, earlier: Earlier) -> tuple[str, str]:
    """The end and its detail; an empty end when pytest itself gave up, which is a crash."""
    try:
        solution = load(SOLUTION, source, {})
    except BaseException as error:  # noqa: BLE001  whatever hostile code raises, SystemExit included, is its result
        return "import_error", f"solution: {describe(error)}"
    names: dict[str, object] = {}
    if kind == "own":
        names["__builtins__"] = solution_names().show(solution)
        sys.modules["__main__"] = solution
        sys.meta_path.append(SolutionAliases(solution))
    try:
        load(TESTS, tests, names)
    except pytest.skip.Exception as skipped:
        return "no_tests", f"skipped: {skipped.msg}"
    except BaseException as error:  # noqa: BLE001  as above
        return "import_error", describe(error)
    if kind == "hidden":
        reporter.send(loaded="solution")
    return run_pytest(reporter, earlier, filters=kind == "hidden")


def run_pytest(reporter: Reporter, earlier: Earlier = NOTHING, *, filters: bool = False) -> tuple[str, str]:
    """Run the loaded tests with pytest: the end and its detail, as `_run`. `filters`: of warnings, for each test."""
    recorder = Recorder(reporter, earlier)
    return read_end(recorder, pytest.main(pytest_arguments(Path.cwd(), filters=filters), plugins=[recorder]))


def read_end(recorder: Recorder, code: int | pytest.ExitCode) -> tuple[str, str]:
    """What an exit code of pytest means; empty if it gave up, which is a crash."""
    if code == pytest.ExitCode.NO_TESTS_COLLECTED and not recorder.errors:
        return "no_tests", ""
    has_ended = code in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED} or recorder.errors
    return ("finished" if has_ended and recorder.is_complete else "", "")


def pytest_arguments(directory: Path, *, filters: bool = False) -> list[str]:
    """Command line of the guest's pytest: no configuration, no plugins but its own, no capture."""
    arguments = ["-s", "--noconftest", "--continue-on-collection-errors", "-c", os.devnull]
    for plugin in UNUSED_PLUGINS if filters else (*UNUSED_PLUGINS, WARNINGS_PLUGIN):
        arguments += ["-p", f"no:{plugin}"]
    return [*arguments, f"--rootdir={directory}", f"--confcutdir={directory}", str(directory / f"{TESTS}.py")]


def load(name: str, source: str, names: dict[str, object], code: types.CodeType | None = None) -> types.ModuleType:
    """Run `source` as the module `name`, with `names` already in it. Raises whatever it raises.

    `code` is what `compile_module` made of `source`, if that was done before.
    """
    path = f"{os.getcwd()}/{name}.py"  # noqa: PTH109  as above
    module = types.ModuleType(name)
    module.__file__ = path
    module.__spec__ = ModuleSpec(name, None, origin=path)
    vars(module).update(names)
    sys.modules[name] = module
    exec(code or compile_module(name, source), vars(module))  # noqa: S102  this is what a sandbox is for
    return module


def compile_module(name: str, source: str) -> types.CodeType:
    """The code of `source`, with the assertions of tests rewritten by pytest. Raises what `compile` raises."""
    path = str(Path.cwd() / f"{name}.py")
    tree = ast.parse(source, path)
    if name == TESTS:
        rewrite_asserts(tree, source.encode("utf-8", "replace"), path)
    return compile(tree, path, "exec", dont_inherit=True)


def _importer() -> str:
    """Name of the module whose import statement is being answered."""
    frame: types.FrameType | None = sys._getframe(1)  # a finder is not told who asks
    while frame and ("importlib" in frame.f_code.co_filename or frame.f_globals.get("__name__") == __name__):
        frame = frame.f_back
    return str(frame.f_globals.get("__name__")) if frame else ""


def describe(error: BaseException) -> str:
    """Type, first line and line number, the same for every run."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    trace = error.__traceback__
    while trace and not line:
        if Path(trace.tb_frame.f_code.co_filename).stem in {SOLUTION, TESTS}:
            line = trace.tb_lineno
        trace = trace.tb_next
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    first = (message.strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first[:200]}" + (f" (line {line})" if line else "")


def _name_of(nodeid: str) -> str:
    return nodeid.partition("::")[2]


def _first_line(report: pytest.CollectReport | pytest.TestReport) -> str:
    """What a person reads first: "AssertionError: assert 1 == 2", or the reason of a skip."""
    detail = report.longrepr
    if isinstance(detail, tuple):
        return detail[2][:1000]
    crash = getattr(detail, "reprcrash", None)
    lines = str(crash.message if crash else detail or "").strip().splitlines()
    return lines[0][:1000] if lines else ""
