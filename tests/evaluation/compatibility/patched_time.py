"""Tests replace the solution's clock, by attribute, by name, by mock."""
# ruff: noqa

import random
import time
from datetime import datetime


class Cache:
    def __init__(self, ttl):
        self.ttl, self.data = ttl, {}

    def put(self, key, value):
        self.data[key] = (value, time.time() + self.ttl)

    def get(self, key):
        value, expires = self.data.get(key, (None, 0))
        return value if time.time() < expires else None


def stamp():
    return time.strftime("%Y", time.gmtime(0)), time.time()


def wait(seconds):
    time.sleep(seconds)
    return "waited"


def roll():
    return random.randint(1, 6)


# ---- hidden tests ----

import time
from unittest import mock
import pytest
import solution
from solution import Cache, roll, stamp, wait


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_monkeypatch(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(solution.time, "time", clock)
    cache = Cache(10)
    cache.put("a", 1)
    assert cache.get("a") == 1
    clock.now += 11
    assert cache.get("a") is None


def test_by_name(monkeypatch):
    monkeypatch.setattr("solution.time.time", lambda: 5.0)
    assert stamp() == ("1970", 5.0)


def test_restored():
    assert stamp()[1] > 1e9


def test_mock():
    with mock.patch("solution.time.sleep") as sleep:
        assert wait(100) == "waited"
    sleep.assert_called_once_with(100)


def test_mock_object():
    with mock.patch.object(solution.random, "randint", return_value=4):
        assert roll() == 4
    assert 1 <= roll() <= 6


def test_whole_module(monkeypatch):
    from types import SimpleNamespace

    monkeypatch.setattr(solution, "time", SimpleNamespace(time=lambda: 7.0))
    cache = Cache(1)
    cache.put("k", "v")
    assert cache.get("k") == "v"


def test_method(monkeypatch):
    monkeypatch.setattr(Cache, "get", lambda self, key: "patched " + key)
    assert Cache(1).get("x") == "patched x"


def test_method_restored():
    assert Cache(1).get("x") is None
