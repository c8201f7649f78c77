"""Threads of the solution fill lists and dicts of the tests in the background, and the tests wait until they have."""
# ruff: noqa

import threading
import time


class Poller:
    def __init__(self, source, sink):
        self._source, self._sink = source, sink
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()

    def stop(self):
        self._stopped.set()
        self._thread.join()

    def _run(self):
        for item in self._source:
            if self._stopped.wait(0.002):
                return
            self._sink.append(item)


def fill_later(status, delay):
    def work():
        time.sleep(delay)
        status["done"] = True

    threading.Thread(target=work, daemon=True).start()


def wait_until_set(flags):
    for _ in range(200):
        if flags["ready"]:
            return True
        time.sleep(0.005)
    return False


# ---- hidden tests ----

import threading
import time
from solution import Poller, fill_later, wait_until_set


def wait_for(condition, seconds=5):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def test_a_list_fills_itself():
    sink = []
    poller = Poller([1, 2, 3], sink)
    poller.start()
    assert wait_for(lambda: len(sink) == 3)
    poller.stop()
    assert sink == [1, 2, 3]


def test_it_stops():
    sink = []
    poller = Poller(range(10_000), sink)
    poller.start()
    assert wait_for(lambda: sink)
    poller.stop()
    count = len(sink)
    time.sleep(0.02)
    assert len(sink) == count < 10_000
    assert sink == list(range(count))


def test_a_status():
    status = {"done": False}
    fill_later(status, 0.01)
    assert status == {"done": False}
    assert wait_for(lambda: status["done"])


def test_an_event_of_the_tests_own():
    status, looked = {}, threading.Event()
    fill_later(status, 0.005)

    def look():
        while "done" not in status:
            time.sleep(0.002)
        looked.set()

    threading.Thread(target=look, daemon=True).start()
    assert looked.wait(5)


def test_a_flag_that_a_thread_of_the_tests_sets():
    flags = {"ready": False}

    def set_it():
        time.sleep(0.02)
        flags["ready"] = True

    threading.Thread(target=set_it).start()
    assert wait_until_set(flags)
