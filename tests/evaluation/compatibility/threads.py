"""Threads of the tests call the solution, with locks, barriers, pools and timeouts."""
# ruff: noqa

import threading


class Counter:
    def __init__(self):
        self.value, self._lock = 0, threading.Lock()

    def add(self):
        with self._lock:
            self.value += 1


class Gate:
    def __init__(self):
        self._event = threading.Event()

    def wait(self, timeout=None):
        return self._event.wait(timeout)

    def open(self):
        self._event.set()


class Local:
    def __init__(self):
        self._local = threading.local()

    def set(self, value):
        self._local.value = value

    def get(self):
        return getattr(self._local, "value", None)


# ---- hidden tests ----

import threading
from concurrent.futures import ThreadPoolExecutor
from solution import Counter, Gate, Local


def test_counter():
    counter = Counter()
    threads = [threading.Thread(target=lambda: [counter.add() for _ in range(20)]) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(10)
    assert counter.value == 160


def test_pool():
    counter = Counter()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: counter.add(), range(40)))
    assert counter.value == 40


def test_gate():
    gate, passed = Gate(), threading.Event()
    thread = threading.Thread(target=lambda: (gate.wait(10), passed.set()), daemon=True)
    thread.start()
    assert not passed.wait(0.05)
    gate.open()
    assert passed.wait(5)
    thread.join(5)
    assert not thread.is_alive()


def test_timeout():
    assert Gate().wait(0.01) is False


def test_local():
    local, seen = Local(), []
    local.set("main")
    thread = threading.Thread(target=lambda: (local.set("other"), seen.append(local.get())))
    thread.start()
    thread.join(5)
    assert seen == ["other"] and local.get() == "main"
