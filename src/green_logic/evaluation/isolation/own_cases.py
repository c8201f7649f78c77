"""The fast path for a submission's own tests: as `split.mini`, and unittest's classes as well.

Most agents write unittest classes. Those that need nothing of their module or class but setUp and tearDown run here,
with pytest's names, order and messages; a file with more is refused as a whole, and then pytest runs it.
"""

from __future__ import annotations

import functools
import types
import unittest
from collections.abc import Callable, Iterator
from typing import Any

from green_logic.evaluation.isolation.split.mini import BeyondMiniError, Case, cases_of, check_names

FIXTURES = ("setUpModule", "tearDownModule", "setup", "teardown")
CLASS_FIXTURES = ("setUpClass", "tearDownClass", "pytestmark", "runTest")


class _Result(unittest.TestResult):
    """Keeps the first failure of one test, or its skip."""

    def __init__(self) -> None:
        super().__init__()
        self.error: BaseException | None = None

    def _keep(self, error: BaseException | None) -> None:
        self.error = self.error or error

    def addError(self, test: object, err: Any) -> None:  # noqa: N802  unittest's name
        self._keep(err[1])

    def addFailure(self, test: object, err: Any) -> None:  # noqa: N802
        self._keep(err[1])

    def addSubTest(self, test: object, subtest: object, err: Any) -> None:  # noqa: N802
        self._keep(err[1] if err else None)

    def addSkip(self, test: object, reason: str) -> None:  # noqa: N802
        self._keep(unittest.SkipTest(reason))

    def addExpectedFailure(self, test: object, err: Any) -> None:  # noqa: N802
        self._keep(unittest.SkipTest(str(err[1])))

    def addUnexpectedSuccess(self, test: object) -> None:  # noqa: N802
        self._keep(AssertionError("Unexpected success"))


def find_own_cases(module: types.ModuleType) -> list[Case]:
    """Every test of a module with its name. Raises BeyondMiniError when pytest is needed."""
    try:
        return _find_own_cases(module)
    except BeyondMiniError:
        raise
    except Exception as error:
        # a class may have any metaclass, and any name or module: pytest then says what it makes of it
        raise BeyondMiniError(f"{type(error).__name__} when looked at") from error


def _find_own_cases(module: types.ModuleType) -> list[Case]:
    cases: list[Case] = []
    for name, value in list(vars(module).items()):
        if name in FIXTURES:
            raise BeyondMiniError(name)
        if isinstance(value, type) and issubclass(value, unittest.TestCase):
            cases += _find_in_test_case(name, value)
        elif not _is_of_unittest(name, value):
            cases += cases_of(name, value)
    check_names(cases)
    return cases


def _is_of_unittest(name: str, value: object) -> bool:
    """Whether it is a class that the tests have from unittest, such as Mock, which nobody collects."""
    return isinstance(value, type) and _comes_from_unittest(value) and not name.startswith("Test")


def _comes_from_unittest(cls: type) -> bool:
    return str(cls.__module__).startswith("unittest")  # a class may have set it to anything


def _find_in_test_case(name: str, cls: type[unittest.TestCase]) -> Iterator[Case]:
    if _comes_from_unittest(cls):
        return  # the base itself, imported by name
    for part in cls.__mro__:
        if not _comes_from_unittest(part) and any(found in vars(part) for found in CLASS_FIXTURES):
            raise BeyondMiniError(f"{name}: fixtures of a class, or marks")
    if vars(cls).get("__test__") is False:
        return
    for member in unittest.TestLoader().getTestCaseNames(cls):
        if hasattr(getattr(cls, member), "pytestmark"):
            raise BeyondMiniError(f"{name}.{member}: marks")
        yield f"{name}::{member}", functools.partial(_run, cls, member)


def _run(cls: Callable[[str], unittest.TestCase], member: str) -> None:
    result = _Result()
    cls(member).run(result)
    if result.error is not None:
        raise result.error
