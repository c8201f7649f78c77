"""Classes from collections.abc and UserDict: unpacked, compared, iterated, cut and merged like the builtin ones."""
# ruff: noqa

from collections import ChainMap, UserDict, UserList
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence, Set


class Folded(MutableMapping):
    def __init__(self, *pairs, **names):
        self._items = {}
        self.update(*pairs, **names)

    def __getitem__(self, key):
        return self._items[key.lower()][1]

    def __setitem__(self, key, value):
        self._items[key.lower()] = (key, value)

    def __delitem__(self, key):
        del self._items[key.lower()]

    def __iter__(self):
        return (key for key, _ in self._items.values())

    def __len__(self):
        return len(self._items)


class Polynomial(Sequence):
    def __init__(self, *coefficients):
        self._coefficients = coefficients

    def __getitem__(self, index):
        if isinstance(index, slice):
            return Polynomial(*self._coefficients[index])
        return self._coefficients[index]

    def __len__(self):
        return len(self._coefficients)

    def __call__(self, x):
        return sum(c * x**power for power, c in enumerate(self))


class Bits(Set):
    def __init__(self, items=()):
        self._mask = sum(1 << item for item in set(items))

    def __contains__(self, item):
        return bool(self._mask >> item & 1)

    def __iter__(self):
        return (n for n in range(self._mask.bit_length()) if n in self)

    def __len__(self):
        return bin(self._mask).count("1")


class Defaults(UserDict):
    def __missing__(self, key):
        self.data[key] = []
        return self.data[key]


class Names(UserList):
    def longest(self):
        return max(self.data, key=len)


def layered(*layers):
    return ChainMap(*layers)


class Countdown:
    """Iterated by the old protocol."""

    def __init__(self, start):
        self._start = start

    def __getitem__(self, index):
        if index > self._start:
            raise IndexError(index)
        return self._start - index


class Words:
    def __init__(self, text):
        self._words = text.split()

    def __iter__(self):
        self._at = 0
        return self

    def __next__(self):
        if self._at >= len(self._words):
            raise StopIteration
        self._at += 1
        return self._words[self._at - 1]

    def __reversed__(self):
        return reversed(self._words)


def merge(**options):
    return options


# ---- hidden tests ----

import pytest
from solution import Bits, Countdown, Defaults, Folded, Names, Polynomial, Words, layered, merge


def test_mapping():
    headers = Folded({"Content-Type": "text"}, Accept="*")
    headers["ACCEPT"] = "json"
    assert headers["content-type"] == "text" and headers.get("x") is None and len(headers) == 2
    assert dict(headers) == {"Content-Type": "text", "ACCEPT": "json"} and list(headers) == ["Content-Type", "ACCEPT"]
    assert "accept" in headers and headers.pop("accept") == "json" and "accept" not in headers
    assert sorted(headers.items()) == [("Content-Type", "text")] and list(headers.values()) == ["text"]
    with pytest.raises(KeyError):
        headers["x"]


def test_mapping_unpacked_and_compared():
    options = Folded(a=1, b=2)
    assert merge(**options) == {"a": 1, "b": 2} and {**options, "c": 3} == {"a": 1, "b": 2, "c": 3}
    assert options == Folded(b=2, a=1) and options == {"a": 1, "b": 2} and options != {"a": 1}
    assert options.setdefault("d", 4) == 4 and options.keys() >= {"a", "d"}


def test_sequence():
    line = Polynomial(1, 2, 3)
    assert line(2) == 17 and len(line) == 3 and line[-1] == 3 and list(line[1:]) == [2, 3]
    assert list(reversed(line)) == [3, 2, 1] and line.index(2) == 1 and line.count(9) == 0 and 3 in line
    first, *rest = line
    assert (first, rest) == (1, [2, 3]) and type(line[:2]) is Polynomial and tuple(line) == (1, 2, 3)


def test_set():
    bits = Bits([1, 3, 3])
    assert len(bits) == 2 and list(bits) == [1, 3] and 3 in bits and 2 not in bits
    assert list(bits | Bits([0])) == [0, 1, 3] and list(bits & Bits([3])) == [3] and list(bits - Bits([1])) == [3]
    assert Bits([1]) <= bits and bits == Bits([3, 1]) and bits.isdisjoint(Bits([5]))


def test_user_dict():
    found = Defaults(a=[1])
    found["b"].append(2)
    assert found == {"a": [1], "b": [2]} and "c" not in found and found.data["b"] == [2]


def test_user_list():
    names = Names(["al", "bea"])
    names.append("christa")
    assert names.longest() == "christa" and names[0] == "al" and len(names) == 3 and names == ["al", "bea", "christa"]
    assert type(names[:1]) is Names and names + ["d"] == ["al", "bea", "christa", "d"]


def test_layers():
    base, top = {"a": 1, "b": 2}, {"a": 5}
    found = layered(top, base)
    assert found["a"] == 5 and found["b"] == 2 and dict(found) == {"a": 5, "b": 2}
    found["b"] = 9
    assert top == {"a": 5, "b": 9} and base["b"] == 2


def test_old_iteration():
    assert list(Countdown(3)) == [3, 2, 1, 0] and 2 in Countdown(3) and sum(Countdown(4)) == 10
    assert [*zip(Countdown(1), "ab")] == [(1, "a"), (0, "b")]


def test_own_iterator():
    words = Words("a bc d")
    assert list(words) == ["a", "bc", "d"] and list(words) == ["a", "bc", "d"]
    assert list(reversed(words)) == ["d", "bc", "a"] and max(words, key=len) == "bc"
    iterator = iter(words)
    assert next(iterator) == "a" and iter(iterator) is iterator
