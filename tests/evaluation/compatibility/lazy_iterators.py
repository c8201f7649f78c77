"""Iterators of itertools, map, zip and generators are handed to tests, which take from them as they like."""
# ruff: noqa

import itertools
import operator


def naturals(start=0, step=1):
    return itertools.count(start, step)


def batches(items, size):
    iterator = iter(items)
    return iter(lambda: list(itertools.islice(iterator, size)), [])


def pairs(items):
    return itertools.pairwise(items)


def running(items, function=operator.add):
    return itertools.accumulate(items, function)


def split(items, count=2):
    return itertools.tee(items, count)


def groups(items, key):
    return itertools.groupby(sorted(items, key=key), key)


def product(*pools):
    return itertools.product(*pools)


def chunks(text, width):
    return map("".join, itertools.zip_longest(*[iter(text)] * width, fillvalue="."))


def primes():
    found = []
    for number in itertools.count(2):
        if all(number % prime for prime in found):
            found.append(number)
            yield number


def flatten(items):
    for item in items:
        if isinstance(item, (list, tuple)):
            yield from flatten(item)
        else:
            yield item


def averager():
    total, count, average = 0.0, 0, None
    while True:
        value = yield average
        total, count = total + value, count + 1
        average = total / count


# ---- hidden tests ----

import itertools

import pytest
from solution import averager, batches, chunks, flatten, groups, naturals, pairs, primes, product, running, split


def test_endless():
    assert list(itertools.islice(naturals(5, 3), 4)) == [5, 8, 11, 14]
    numbers = naturals()
    assert [next(numbers), next(numbers)] == [0, 1] and next(numbers) == 2


def test_batches():
    assert list(batches(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(batches(iter("abc"), 2)) == [["a", "b"], ["c"]] and list(batches([], 2)) == []


def test_pairs_and_sums():
    assert list(pairs("abc")) == [("a", "b"), ("b", "c")]
    assert list(running([1, 2, 3])) == [1, 3, 6] and list(running([2, 3, 4], lambda a, b: a * b)) == [2, 6, 24]


def test_split():
    left, right = split(iter([1, 2, 3]))
    assert next(left) == 1 and list(right) == [1, 2, 3] and list(left) == [2, 3]
    assert len(split([], 3)) == 3


def test_groups():
    found = {key: list(items) for key, items in groups(["bb", "a", "cc", "d"], len)}
    assert found == {1: ["a", "d"], 2: ["bb", "cc"]}


def test_product():
    assert sum(1 for _ in product("ab", range(3))) == 6 and next(iter(product([1], [2]))) == (1, 2)
    assert list(zip(product("ab"), itertools.count())) == [(("a",), 0), (("b",), 1)]


def test_text():
    assert list(chunks("abcde", 2)) == ["ab", "cd", "e."] and max(chunks("ab", 1)) == "b"


def test_generators():
    assert list(itertools.takewhile(lambda n: n < 20, primes())) == [2, 3, 5, 7, 11, 13, 17, 19]
    assert list(flatten([1, [2, (3, [4])], []])) == [1, 2, 3, 4]
    assert any(n % 7 == 0 for n in primes()) and 13 in primes()


def test_it_is_lazy():
    taken = []

    def source():
        for n in range(10):
            taken.append(n)
            yield n

    iterator = batches(source(), 2)
    assert taken == []
    assert next(iterator) == [0, 1] and taken == [0, 1]


def test_sent():
    average = averager()
    assert next(average) is None and average.send(10) == 10.0 and average.send(20) == 15.0
    average.close()
    with pytest.raises(StopIteration):
        average.send(1)


def test_exhausted():
    iterator = pairs([1])
    with pytest.raises(StopIteration):
        next(iterator)
    assert next(iterator, "end") == "end" and iter(iterator) is iterator
