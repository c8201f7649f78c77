"""Sleeping in the tests moves the solution's clock, and the other way round."""
# ruff: noqa

import time


class Limiter:
    def __init__(self, rate):
        self.rate, self.last = rate, None

    def allow(self):
        now = time.monotonic()
        if self.last is not None and now - self.last < self.rate:
            return False
        self.last = now
        return True


def nap(seconds):
    started = time.monotonic()
    time.sleep(seconds)
    return time.monotonic() - started


# ---- hidden tests ----

import time
from datetime import datetime
from solution import Limiter, nap


def test_sleep_in_tests():
    limiter = Limiter(30)
    assert limiter.allow() and not limiter.allow()
    time.sleep(31)
    assert limiter.allow()


def test_sleep_in_solution():
    started, day = time.monotonic(), datetime.now()
    assert 60 <= nap(60) < 61
    assert time.monotonic() - started >= 60 and (datetime.now() - day).total_seconds() >= 60
