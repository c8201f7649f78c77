"""Threads of the tests hand lists and dicts over at the same time, and the solution changes them in place."""
# ruff: noqa

import threading


def sort(items):
    items.sort()


def count(words, totals):
    for word in words:
        totals[word] = totals.get(word, 0) + 1


class Journal:
    def __init__(self):
        self._lock = threading.Lock()
        self.entries = []

    def record(self, sink, entry):
        with self._lock:
            sink.append(entry)

    def note(self, entry):
        with self._lock:
            self.entries.append(entry)
        return self.entries

    def latest(self):
        with self._lock:
            return [self.entries[-1]]


# ---- hidden tests ----

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from solution import Journal, count, sort


def test_sorted_at_once():
    def work(seed):
        chance = random.Random(seed)
        for _ in range(25):
            items = [chance.randrange(1000) for _ in range(20)]
            expected = sorted(items)
            sort(items)
            assert items == expected

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))


def test_one_list_sorted_again_and_again():
    def work(seed):
        items = []
        for number in range(40):
            items.insert(0, number)
            sort(items)
            assert items == list(range(number + 1))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))


def test_totals_of_each_thread():
    def work(name):
        totals = {}
        for number in range(30):
            count([name, "all"], totals)
            assert totals == {name: number + 1, "all": number + 1}

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(work, "abcde"))


def test_one_list_that_all_fill():
    journal, sink = Journal(), []

    def work(number):
        for step in range(25):
            journal.record(sink, (number, step))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sink) == [(number, step) for number in range(6) for step in range(25)]
    assert [step for number, step in sink if number == 3] == list(range(25))


def test_a_list_that_all_get():
    journal = Journal()

    def work(number):
        for step in range(20):
            entries = journal.note((number, step))
            assert (number, step) in entries

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert len(journal.entries) == 120
    assert journal.entries is journal.note("end") and journal.latest() == ["end"]


def test_lists_that_are_new_to_all():
    for _ in range(15):
        journal, start = Journal(), threading.Barrier(4)
        found = []

        def work(number):
            start.wait(10)
            found.append(journal.note(number))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(journal.entries) == [0, 1, 2, 3]
        assert all(entries is journal.entries for entries in found)


def test_arguments_that_are_new_to_all():
    for _ in range(15):
        journal, sink, start = Journal(), [], threading.Barrier(4)

        def work(number):
            start.wait(10)
            journal.record(sink, number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(sink) == [0, 1, 2, 3]
