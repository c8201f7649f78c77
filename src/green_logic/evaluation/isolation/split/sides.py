"""What the two processes of a split run do, from their start to their end."""

from __future__ import annotations

import contextlib
import socket
import sys
import types
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from green_logic.evaluation.isolation import guest
from green_logic.evaluation.isolation.earlier import Earlier
from green_logic.evaluation.isolation.split.compiled import KeptCode
from green_logic.evaluation.isolation.split.loops import AWAITED_THERE
from green_logic.evaluation.isolation.split.mini import BeyondMiniError, Case, find_cases, run_case
from green_logic.evaluation.isolation.split.needs import WARNINGS
from green_logic.evaluation.isolation.split.proxies import RemoteModule
from green_logic.evaluation.isolation.split.solution import serve_solution
from green_logic.evaluation.isolation.split.tester import TestsPeer
from green_logic.evaluation.isolation.split.wire import LostError


def run_solution(control: socket.socket, source: str, *, captures: Collection[str]) -> None:
    """Be process S: load `source` and serve it until the tests are gone."""
    clock = guest.prepare_process({guest.SOLUTION: source})
    serve_solution(control, lambda: guest.load(guest.SOLUTION, source, {}), clock, captures=captures)


def run_tests(descriptor: int, control: socket.socket, hidden: dict[str, Any], kept: KeptCode) -> None:
    """Be process T: run the `hidden` tests against the solution behind `control`, and report to `descriptor`."""
    tests, names, places = str(hidden["tests"]), frozenset(hidden["names"]), frozenset(hidden["places"])
    reporter = guest.Reporter(descriptor)
    clock = guest.prepare_process({guest.TESTS: tests})
    code = kept.find(tests)  # before anything of the solution's has come
    warnings.filterwarnings("ignore", AWAITED_THERE)

    def give_up(reason: str) -> None:
        reporter.send(end="lost", detail=f"the solution: {reason}")

    peer = TestsPeer(control, clock, names=names, places=places, captures=hidden["captures"], give_up=give_up)
    end, detail, runner = "", "", "mini"
    try:
        if failure := peer.start():
            end, detail = "import_error", f"solution: {failure}"
        else:
            end, detail, runner = _run(reporter, peer, hidden, code)
    except LostError as error:
        peer.lose(str(error))
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    reporter.send(runner=runner, calls=str(peer.calls))
    if end:
        reporter.send(end=end, detail=detail)


def _run(
    reporter: guest.Reporter, peer: TestsPeer, hidden: dict[str, Any], code: types.CodeType | None
) -> tuple[str, str, str]:
    """End, detail and runner; an empty end is a crash."""
    filters, earlier = WARNINGS in hidden["captures"], Earlier(**hidden["earlier"])
    solution: Any = RemoteModule(peer, guest.SOLUTION, str(Path.cwd() / f"{guest.SOLUTION}.py"))
    sys.modules[guest.SOLUTION] = solution
    try:
        module = guest.load(guest.TESTS, str(hidden["tests"]), {}, code)
    except pytest.skip.Exception as skipped:
        return "no_tests", f"skipped: {skipped.msg}", "mini"
    except BaseException as error:  # noqa: BLE001  whatever it raises is the result
        return "import_error", guest.describe(error), "mini"
    try:
        cases = None if filters else find_cases(module)
    except BeyondMiniError:
        cases = None
    reporter.send(loaded="solution")
    if cases is None:
        return (*guest.run_pytest(reporter, earlier, filters=filters), "pytest")
    return (*_run_mini(reporter, cases, earlier), "mini")


def _run_mini(reporter: guest.Reporter, cases: list[Case], earlier: Earlier) -> tuple[str, str]:
    for name, call in earlier.leave(cases, lambda case: case[0], reporter.fail):
        outcome, message = run_case(call)
        reporter.send(test=name, outcome=outcome, message=message)
    return ("finished", "") if cases else ("no_tests", "")
