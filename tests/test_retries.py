"""Doing a step again."""

from __future__ import annotations

import pytest

from green_logic.errors import RetryableError, StorageError, VerificationError
from green_logic.retries import RETRY_JITTER, with_retries
from green_logic.settings import Settings

SETTINGS = Settings(retries=3, retry_delay_s=1.0)


class Step:
    """Fails with each of `errors` in turn, then returns."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def test_what_the_step_returns_is_returned_after_growing_pauses():
    pauses: list[float] = []
    step = Step(RetryableError("a"), StorageError("b"))
    assert with_retries(SETTINGS, step, pause=pauses.append) == "done"
    assert step.calls == 3
    for base, pause in zip((1.0, 2.0), pauses, strict=True):
        assert base <= pause <= base * (1 + RETRY_JITTER)


def test_the_last_error_is_raised_and_no_pause_follows_it():
    pauses: list[float] = []
    step = Step(*(RetryableError(str(number)) for number in range(9)))
    with pytest.raises(RetryableError, match="3"):
        with_retries(SETTINGS, step, pause=pauses.append)
    assert (step.calls, len(pauses)) == (4, 3)


def test_without_retries_the_first_error_is_the_last():
    step = Step(RetryableError("a"))
    with pytest.raises(RetryableError):
        with_retries(SETTINGS.changed(retries=0), step, pause=pytest.fail)
    assert step.calls == 1


def test_other_errors_are_not_tried_again():
    step = Step(VerificationError("broken"))
    with pytest.raises(VerificationError):
        with_retries(SETTINGS, step, pause=pytest.fail)
    assert step.calls == 1
