"""The classic: a bounded cache with eviction order and statistics."""
# ruff: noqa

from collections import OrderedDict


class LRUCache:
    def __init__(self, capacity):
        if not isinstance(capacity, int) or capacity < 1:
            raise ValueError("capacity must be positive")
        self.capacity, self._data, self.hits, self.misses = capacity, OrderedDict(), 0, 0

    def get(self, key, default=None):
        if key not in self._data:
            self.misses += 1
            return default
        self._data.move_to_end(key)
        self.hits += 1
        return self._data[key]

    def put(self, key, value):
        self._data[key] = value
        self._data.move_to_end(key)
        if len(self._data) > self.capacity:
            self._data.popitem(last=False)

    def __len__(self):
        return len(self._data)

    def __contains__(self, key):
        return key in self._data

    def keys(self):
        return list(self._data)


# ---- hidden tests ----

import pytest
from solution import LRUCache


@pytest.fixture
def cache():
    made = LRUCache(2)
    made.put("a", 1)
    made.put("b", 2)
    return made


def test_evicts(cache):
    cache.get("a")
    cache.put("c", 3)
    assert "b" not in cache and "a" in cache and cache.keys() == ["a", "c"] and len(cache) == 2


def test_statistics(cache):
    cache.get("a")
    cache.get("zzz")
    assert (cache.hits, cache.misses) == (1, 1)


def test_default(cache):
    missing = object()
    assert cache.get("nope", missing) is missing


@pytest.mark.parametrize("capacity", [0, -1, 1.5, "2", None])
def test_capacity(capacity):
    with pytest.raises(ValueError):
        LRUCache(capacity)


def test_any_value(cache):
    value = {"deep": [1, (2, 3)]}
    cache.put(("tuple", 1), value)
    assert cache.get(("tuple", 1)) == value and cache.get(("tuple", 1)) is value
