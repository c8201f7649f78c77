"""Exceptions by which a test fails: what they say, and that they end the test, is no business of the solution's.

A failed assertion says what was expected, and a solution that leaves a `with` of the tests could read and swallow it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

OUTCOMES = (pytest.fail.Exception, pytest.skip.Exception, pytest.exit.Exception)
VERDICTS = (AssertionError, *OUTCOMES)
FROM_SOLUTION = "_from_solution"  # attribute of an AssertionError that the solution raised


def mark_as_solutions(error: BaseException) -> None:
    """Remember that the solution raised it: then it may have it back as it was."""
    if isinstance(error, AssertionError):
        object.__getattribute__(error, "__dict__")[FROM_SOLUTION] = True


def is_verdict(value: object) -> bool:
    """Whether the tests raised this to fail or to skip; a value that nobody raised is none."""
    if not isinstance(value, VERDICTS) or value.__traceback__ is None:
        return False
    return FROM_SOLUTION not in object.__getattribute__(value, "__dict__")


def holds_verdict(value: object) -> bool:
    """Whether this is one, or a group with one in it."""
    if isinstance(value, BaseExceptionGroup):
        return any(map(holds_verdict, value.exceptions))
    return is_verdict(value)


def leave_with_verdict(leave: Callable[..., Any]) -> Callable[..., Any]:
    """An `__exit__` that asks `leave`, which has no say in whether a verdict goes on."""

    def method(self: Any, *operands: Any) -> Any:
        if not any(map(holds_verdict, operands)):
            return leave(self, *operands)
        with contextlib.suppress(BaseException):
            leave(self, *operands)
        return False

    return method


def leave_with_verdict_async(leave: Callable[..., Any]) -> Callable[..., Any]:
    """The same for an `__aexit__`."""

    async def keep(self: Any, *operands: Any) -> bool:
        with contextlib.suppress(BaseException):
            await leave(self, *operands)
        return False

    return lambda self, *operands: (keep if any(map(holds_verdict, operands)) else leave)(self, *operands)
