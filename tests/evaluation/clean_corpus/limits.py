"""A token bucket, a sliding window, a retry with jitter and a weighted choice."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TypeVar

Result = TypeVar("Result")


class TokenBucket:
    """`rate` tokens a second, at most `burst` at once."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self.burst = burst
        self.tokens = float(burst)
        self._clock = clock
        self._updated_at = clock()
        self._lock = threading.Lock()

    def allow(self, cost: float = 1.0) -> bool:
        """Whether there are tokens enough; takes them if so."""
        with self._lock:
            now = self._clock()
            self.tokens = min(self.burst, self.tokens + (now - self._updated_at) * self.rate)
            self._updated_at = now
            if self.tokens < cost:
                return False
            self.tokens -= cost
            return True


class SlidingWindow:
    """At most `limit` calls in any `window_s` seconds."""

    def __init__(self, limit: int, window_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self.window_s = window_s
        self._clock = clock
        self._calls: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def allow(self, key: str) -> bool:
        """Whether this caller may call now."""
        now = self._clock()
        with self._lock:
            calls = self._calls.setdefault(key, deque())
            while calls and now - calls[0] >= self.window_s:
                calls.popleft()
            if len(calls) >= self.limit:
                return False
            calls.append(now)
            return True


def retry(call: Callable[[], Result], attempts: int = 3, delay_s: float = 0.1) -> Result:
    """The result of the first call that works."""
    for attempt in range(attempts - 1):
        try:
            return call()
        except (OSError, TimeoutError):
            time.sleep(delay_s * 2**attempt * random.uniform(0.5, 1.0))
    return call()


def sample_next_token(weights: Mapping[str, float]) -> str:
    """One word, by its weight."""
    return random.choices(list(weights), weights=list(weights.values()))[0]
