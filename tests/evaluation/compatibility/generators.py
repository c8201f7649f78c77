"""Generators: lazy, infinite, send, close, throw; iterators of the solution's own."""
# ruff: noqa


def count(start=0):
    while True:
        yield start
        start += 1


def echo():
    received = []
    try:
        while True:
            received.append((yield len(received)))
    except ValueError:
        yield received


class Countdown:
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return self

    def __next__(self):
        if self.n == 0:
            raise StopIteration
        self.n -= 1
        return self.n + 1


def batched(items, size):
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def first(iterable, default=None):
    return next(iter(iterable), default)


def log_close(events):
    try:
        yield 1
    finally:
        events.append("closed")


# ---- hidden tests ----

import itertools
import pytest
from solution import Countdown, batched, count, echo, first, log_close


def test_lazy():
    assert list(itertools.islice(count(5), 3)) == [5, 6, 7]


def test_next():
    numbers = count()
    assert next(numbers) == 0 and next(numbers) == 1 and iter(numbers) is numbers


def test_send():
    talk = echo()
    next(talk)
    assert talk.send("a") == 1 and talk.send("b") == 2 and talk.throw(ValueError()) == ["a", "b"]


def test_iterator():
    assert list(Countdown(3)) == [3, 2, 1] and sum(Countdown(4)) == 10


def test_batches():
    assert list(batched([1, 2, 3], 2)) == [[1, 2], [3]]


def test_generator_argument():
    seen = []

    def source():
        for n in range(5):
            seen.append(n)
            yield n

    assert list(itertools.islice(batched(source(), 2), 1)) == [[0, 1]] and seen == [0, 1]


def test_first():
    assert first(iter([7])) == 7 and first([], 0) == 0 and first(x * x for x in (3, 4)) == 9


def test_exhausted():
    with pytest.raises(StopIteration):
        next(batched([], 1))


def test_close():
    events = []
    lines = log_close(events)
    next(lines)
    lines.close()
    assert events == ["closed"]
