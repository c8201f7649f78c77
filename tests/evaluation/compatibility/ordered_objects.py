"""Objects in heaps and sorted lists: heapq and bisect on both sides, by the solution's __lt__ and by keys."""
# ruff: noqa

import bisect
import heapq
import itertools
from dataclasses import dataclass, field
from functools import total_ordering


@dataclass(order=True)
class Job:
    priority: int
    name: str = field(compare=False)


class Scheduler:
    def __init__(self):
        self._heap, self._count = [], itertools.count()

    def push(self, item, priority=0):
        heapq.heappush(self._heap, (priority, next(self._count), item))

    def pop(self):
        if not self._heap:
            raise IndexError("nothing is scheduled")
        return heapq.heappop(self._heap)[-1]

    def __len__(self):
        return len(self._heap)

    def __bool__(self):
        return bool(self._heap)


@total_ordering
class Card:
    RANKS = "23456789TJQKA"

    def __init__(self, text):
        self.rank, self.suit = text

    def _key(self):
        return self.RANKS.index(self.rank)

    def __eq__(self, other):
        return isinstance(other, Card) and self._key() == other._key()

    def __lt__(self, other):
        return self._key() < other._key()

    def __repr__(self):
        return self.rank + self.suit


class SortedList:
    def __init__(self, items=(), key=None):
        self._key = key or (lambda item: item)
        self._items = sorted(items, key=self._key)

    def add(self, item):
        bisect.insort(self._items, item, key=self._key)

    def __iter__(self):
        return iter(self._items)

    def __getitem__(self, index):
        return self._items[index]

    def __len__(self):
        return len(self._items)


def smallest(items, count):
    return heapq.nsmallest(count, items)


def merge(*runs):
    return list(heapq.merge(*runs))


# ---- hidden tests ----

import bisect
import heapq
from functools import cmp_to_key

import pytest
from solution import Card, Job, Scheduler, SortedList, merge, smallest


class Ticket:
    def __init__(self, number):
        self.number = number

    def __lt__(self, other):
        return self.number < other.number


def test_scheduler():
    scheduler = Scheduler()
    for name, priority in [("c", 3), ("a", 1), ("b", 1)]:
        scheduler.push(name, priority)
    assert len(scheduler) == 3 and [scheduler.pop() for _ in range(3)] == ["a", "b", "c"] and not scheduler
    with pytest.raises(IndexError, match="nothing"):
        scheduler.pop()


def test_objects_of_the_tests_come_back():
    scheduler, thing = Scheduler(), object()
    scheduler.push(thing)
    assert scheduler.pop() is thing


def test_heap_of_jobs_in_the_test():
    heap = [Job(3, "c"), Job(1, "a"), Job(2, "b")]
    heapq.heapify(heap)
    assert [heapq.heappop(heap).name for _ in range(3)] == ["a", "b", "c"]
    assert Job(1, "x") == Job(1, "y") and Job(1, "x") < Job(2, "a")


def test_cards():
    hand = [Card(text) for text in ("9S", "AH", "2C", "TD")]
    assert repr(sorted(hand)) == "[2C, 9S, TD, AH]" and repr(max(hand)) == "AH"
    assert repr(sorted(hand, reverse=True)[0]) == "AH" and repr(min(hand, key=lambda card: card.suit)) == "2C"
    assert bisect.bisect([Card("3C"), Card("5C"), Card("8C")], Card("5D")) == 2
    assert Card("2C") == Card("2D") and Card("2C") <= Card("3C")


def test_sorted_list():
    numbers = SortedList([5, 1])
    numbers.add(3)
    assert list(numbers) == [1, 3, 5] and numbers[1] == 3 and numbers[-1] == 5 and len(numbers) == 3
    names = SortedList(["bb", "a"], key=len)
    names.add("ccc")
    names.add("")
    assert list(names) == ["", "a", "bb", "ccc"]


def test_the_tests_objects_are_ordered_by_their_own_word():
    tickets = [Ticket(n) for n in (4, 2, 9)]
    assert [ticket.number for ticket in smallest(tickets, 2)] == [2, 4]
    assert [ticket.number for ticket in SortedList(tickets)] == [2, 4, 9]
    assert smallest(tickets, 1)[0] is tickets[1]


def test_merge():
    assert merge([1, 4], [2, 3], []) == [1, 2, 3, 4]
    assert [ticket.number for ticket in merge([Ticket(1), Ticket(5)], [Ticket(3)])] == [1, 3, 5]


def test_compared_by_a_function():
    order = cmp_to_key(lambda a, b: b.priority - a.priority)
    assert [job.name for job in sorted([Job(1, "a"), Job(3, "c")], key=order)] == ["c", "a"]
