"""A step that met a world in trouble is done again, with growing pauses."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from green_logic.errors import RetryableError
from green_logic.settings import Settings

RETRY_FACTOR = 2.0  # each pause is this many times the one before
RETRY_JITTER = 0.5  # share by which a pause is lengthened at random, so that many workers do not return at once
T = TypeVar("T")


def with_retries(settings: Settings, step: Callable[[], T], *, pause: Callable[[float], object] = time.sleep) -> T:
    """What a step returns; after a RetryableError it is done again, with exponential backoff and jitter.

    Raises the last error when the retries of the settings are used up.
    """
    for attempt in range(settings.retries):
        try:
            return step()
        except RetryableError:
            seconds = settings.retry_delay_s * RETRY_FACTOR**attempt
            pause(seconds * (1 + RETRY_JITTER * random.random()))  # noqa: S311  spreads load, protects nothing
    return step()
