"""The two guests of `variants`, inside the sandbox: one compiles variants and runs none, the other runs one.

As in `guest`, whatever runs here shares its process with hostile code.
"""

from __future__ import annotations

import contextlib
import json
import marshal
import os
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from green_logic.evaluation.isolation import guest
from green_logic.evaluation.isolation.exchange import read_order, write_all
from green_logic.evaluation.isolation.guest import SOLUTION, TESTS, Reporter, SolutionAliases, solution_names
from green_logic.evaluation.isolation.own_cases import find_own_cases
from green_logic.evaluation.isolation.ready import run_pytest
from green_logic.evaluation.isolation.split.mini import BeyondMiniError, Case, run_case
from green_logic.evaluation.mutation.choice import compile_variants


@dataclass(frozen=True)
class Variant:
    """One run: what every guest is told, whether its variant is the original, a control or a mutant."""

    code: bytes  # marshalled
    shown: str  # what solution.py holds for tests that read it
    tests_code: bytes
    tests: str
    seed: int
    expected: Sequence[str] | None  # tests that may be run until one does not pass; None: run all


def run_order(results: int, order: int) -> None:
    """Do what the judge orders, {"plan": ...} or {"variant": ...}, and write what comes of it to `results`."""
    header, parts = read_order(order)
    os.close(order)
    if "plan" in header:
        source, tests, candidates = header["plan"]
        _plan_variants(results, str(source), str(tests), int(candidates))
    else:
        seed, expected, shown, tests = header["variant"]
        code, tests_code = parts
        _run_variant(results, Variant(code, str(shown), tests_code, str(tests), int(seed), expected))


def _plan_variants(descriptor: int, source: str, tests: str, candidates: int) -> None:
    """Write a JSON header, a newline, and the compiled variants one after the other."""
    sys.setrecursionlimit(5000)  # a tree that the parser accepts is walked whole; the compiler has its own limit
    header, blobs = compile_variants(
        source, tests, f"{Path.cwd()}/{SOLUTION}.py", f"{Path.cwd()}/{TESTS}.py", candidates
    )
    write_all(descriptor, json.dumps(header).encode() + b"\n" + b"".join(blobs))


def _run_variant(descriptor: int, variant: Variant) -> None:
    """Run the tests against one variant and report to `descriptor`; the last record is the end."""
    reporter = Reporter(descriptor)
    guest.prepare_process({SOLUTION: variant.shown, TESTS: variant.tests})
    random.seed(variant.seed)
    end, detail, runner = _run(reporter, variant)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    reporter.send(runner=runner, calls="0")
    if end:
        reporter.send(end=end, detail=detail)


def _run(reporter: Reporter, variant: Variant) -> tuple[str, str, str]:
    """End, detail and runner; an empty end is a crash."""
    try:
        solution = guest.load(SOLUTION, variant.shown, {}, marshal.loads(variant.code))  # noqa: S302  compiled here
    except BaseException as error:  # noqa: BLE001  whatever hostile code raises, SystemExit included, is its result
        return "import_error", f"solution: {guest.describe(error)}", "mini"
    reporter.send(loaded=SOLUTION)
    sys.modules["__main__"] = solution
    sys.meta_path.append(SolutionAliases(solution))
    try:
        names: dict[str, object] = {"__builtins__": solution_names().show(solution)}
        # without code they do not parse, and loading them says where
        code = marshal.loads(variant.tests_code) if variant.tests_code else None  # noqa: S302  likewise
        module = guest.load(TESTS, variant.tests, names, code)
    except pytest.skip.Exception as skipped:
        return "no_tests", f"skipped: {skipped.msg}", "mini"
    except BaseException as error:  # noqa: BLE001  as above
        return "import_error", guest.describe(error), "mini"
    try:
        cases = find_own_cases(module)
    except BeyondMiniError:
        return (*run_pytest(reporter), "pytest")
    try:
        _run_cases(reporter, cases, variant.expected)
    except (KeyboardInterrupt, pytest.exit.Exception):
        return "", "", "mini"
    return "finished" if cases else "no_tests", "", "mini"


def _run_cases(reporter: Reporter, cases: list[Case], expected: Sequence[str] | None) -> None:
    for name, call in cases:
        outcome, message = run_case(call)
        reporter.send(test=name, outcome=outcome, message=message)
        if expected is not None and name in expected and outcome not in {"passed", "skipped"}:
            break
