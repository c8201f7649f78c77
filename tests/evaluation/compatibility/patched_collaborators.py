"""Tests that replace parts of the solution: monkeypatch, patched modules, injected clocks, fake files and randomness."""
# ruff: noqa

import json
import os
import random
import time
import urllib.request

RETRIES = 3


def fetch(url):
    with urllib.request.urlopen(url) as answer:
        return json.loads(answer.read())


def load_user(number):
    for _ in range(RETRIES):
        try:
            return fetch(f"http://example.invalid/users/{number}")["name"]
        except OSError:
            time.sleep(1)
    return None


def roll(dice=2):
    return sum(random.randint(1, 6) for _ in range(dice))


def shuffled(items, rng=random):
    items = list(items)
    rng.shuffle(items)
    return items


class Cache:
    def __init__(self, ttl, clock=time.monotonic):
        self._ttl, self._clock, self._items = ttl, clock, {}

    def put(self, key, value):
        self._items[key] = (self._clock() + self._ttl, value)

    def get(self, key, default=None):
        until, value = self._items.get(key, (0, default))
        return value if self._clock() < until else default


class Report:
    def __init__(self, out):
        self._out = out

    def write(self, *lines):
        for line in lines:
            self._out.write(line + "\n")
        return self._out.tell()

    def copy(self, source):
        return [line.rstrip("\n") for line in source]


# ---- hidden tests ----

import io
import random
from unittest import mock

import pytest
import solution
from solution import Cache, Report, load_user, roll, shuffled


def test_replaced_function(monkeypatch):
    monkeypatch.setattr(solution, "fetch", lambda url: {"name": url[-1]})
    assert load_user(7) == "7"


def test_retries(monkeypatch):
    calls = []

    def failing(url):
        calls.append(url)
        raise OSError("down")

    monkeypatch.setattr(solution, "fetch", failing)
    monkeypatch.setattr(solution, "RETRIES", 5)
    assert load_user(1) is None and len(calls) == 5


def test_it_is_put_back():
    assert solution.RETRIES == 3 and solution.fetch.__name__ == "fetch"


def test_patched_library():
    with mock.patch("solution.random.randint", side_effect=[6, 1]) as randint:
        assert roll() == 7
    assert randint.call_count == 2 and randint.call_args == mock.call(1, 6)
    assert 2 <= roll() <= 12


def test_patched_sleep():
    with mock.patch("solution.time.sleep") as sleep, mock.patch("solution.fetch", side_effect=[OSError, {"name": "x"}]):
        assert load_user(1) == "x"
    sleep.assert_called_once_with(1)


def test_random_of_the_test():
    assert shuffled(range(5), random.Random(1)) == shuffled(range(5), random.Random(1))
    assert sorted(shuffled("abc")) == ["a", "b", "c"]


def test_clock():
    now = [100.0]
    cache = Cache(10, clock=lambda: now[0])
    cache.put("a", 1)
    assert cache.get("a") == 1
    now[0] = 110.0
    assert cache.get("a") is None and cache.get("a", "gone") == "gone"


def test_streams():
    out = io.StringIO()
    assert Report(out).write("a", "b") == 4 and out.getvalue() == "a\nb\n"
    assert Report(out).copy(io.StringIO("x\ny")) == ["x", "y"]
