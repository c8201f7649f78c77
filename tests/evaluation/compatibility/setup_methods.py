"""setup_method, teardown_method, setup_module, setup_class and unittest.TestCase."""
# ruff: noqa


class Queue:
    def __init__(self):
        self._items = []

    def put(self, item):
        self._items.append(item)

    def get(self):
        if not self._items:
            raise LookupError("empty")
        return self._items.pop(0)

    def __len__(self):
        return len(self._items)


# ---- hidden tests ----

import unittest
import pytest
from solution import Queue


def setup_module(module):
    module.ready = True


class TestQueue:
    @classmethod
    def setup_class(cls):
        cls.made = []

    def setup_method(self):
        self.queue = Queue()

    def teardown_method(self):
        self.made.append(len(self.queue))

    def test_put(self):
        self.queue.put(1)
        assert len(self.queue) == 1

    def test_get(self):
        self.queue.put(1)
        assert self.queue.get() == 1 and self.made == [1]


class QueueCase(unittest.TestCase):
    def setUp(self):
        self.queue = Queue()

    def test_order(self):
        for n in range(3):
            self.queue.put(n)
        self.assertEqual([self.queue.get() for _ in range(3)], [0, 1, 2])

    def test_empty(self):
        with self.assertRaises(LookupError) as caught:
            self.queue.get()
        self.assertEqual(str(caught.exception), "empty")

    def test_types(self):
        self.assertIsInstance(self.queue, Queue)
        self.assertRaisesRegex(LookupError, "emp", self.queue.get)
        for n in (1, 2):
            with self.subTest(n=n):
                self.assertNotIn(n, [])


def test_module():
    assert ready
