import threading

import pytest

from solution import BatchGate

PATIENCE = 2.0  # seconds; reached only by a solution that hangs


def together(*calls):
    """Run the calls at the same time; fail if one of them hangs."""
    start = threading.Barrier(len(calls))

    def act(call):
        start.wait(PATIENCE)
        call()

    threads = [threading.Thread(target=act, args=(call,), daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "a thread hangs"


class FailingSink:
    """Raises for the first calls, then keeps batches."""

    def __init__(self, failures):
        self.failures, self.batches = failures, []

    def __call__(self, batch):
        if self.failures:
            self.failures -= 1
            raise OSError("sink is full")
        self.batches.append(list(batch))


@pytest.mark.parametrize(
    ("size", "count", "batches", "pending"),
    [
        (1, 3, [[0], [1], [2]], 0),
        (3, 2, [], 2),
        (3, 3, [[0, 1, 2]], 0),
        (3, 7, [[0, 1, 2], [3, 4, 5]], 1),
    ],
)
def test_a_batch_leaves_when_it_is_full(size, count, batches, pending):
    seen = []
    gate = BatchGate(size, lambda batch: seen.append(list(batch)))
    for item in range(count):
        gate.add(item)
    assert seen == batches
    assert gate.pending() == pending


def test_flush_delivers_a_short_batch():
    seen = []
    gate = BatchGate(5, lambda batch: seen.append(list(batch)))
    gate.add("a")
    gate.add("b")
    gate.flush()
    assert seen == [["a", "b"]]
    assert gate.pending() == 0


def test_flush_of_nothing_does_not_call_the_sink():
    seen = []
    gate = BatchGate(2, lambda batch: seen.append(list(batch)))
    gate.flush()
    gate.add(1)
    gate.add(2)
    gate.flush()
    assert seen == [[1, 2]]


def test_close_flushes_once():
    seen = []
    gate = BatchGate(5, lambda batch: seen.append(list(batch)))
    gate.add(1)
    gate.close()
    gate.close()
    assert seen == [[1]]


@pytest.mark.parametrize("act", ["add", "flush"])
def test_a_closed_gate_refuses(act):
    seen = []
    gate = BatchGate(1, lambda batch: seen.append(list(batch)))
    gate.close()
    with pytest.raises(RuntimeError):
        gate.add(1) if act == "add" else gate.flush()
    assert seen == []
    assert gate.pending() == 0


def test_the_with_statement_closes():
    seen = []
    with BatchGate(5, lambda batch: seen.append(list(batch))) as gate:
        gate.add(1)
    assert seen == [[1]]
    with pytest.raises(RuntimeError):
        gate.add(2)


def test_the_with_statement_lets_exceptions_through_after_closing():
    seen = []
    with pytest.raises(KeyError), BatchGate(5, lambda batch: seen.append(list(batch))) as gate:
        gate.add(1)
        raise KeyError("lost")
    assert seen == [[1]]


@pytest.mark.parametrize("size", [0, -1])
def test_the_size_is_at_least_one(size):
    with pytest.raises(ValueError):
        BatchGate(size, print)


def test_a_failed_delivery_keeps_its_items_in_front():
    sink = FailingSink(failures=1)
    gate = BatchGate(2, sink)
    gate.add(1)
    with pytest.raises(OSError, match="sink is full"):
        gate.add(2)
    assert gate.pending() == 2
    gate.flush()
    assert sink.batches == [[1, 2]]
    assert gate.pending() == 0


def test_after_a_failure_batches_still_have_the_exact_size():
    sink = FailingSink(failures=1)
    gate = BatchGate(2, sink)
    gate.add(1)
    with pytest.raises(OSError):
        gate.add(2)
    gate.add(3)
    gate.add(4)
    assert sink.batches == [[1, 2], [3, 4]]


def test_a_failed_close_leaves_the_gate_open():
    sink = FailingSink(failures=1)
    gate = BatchGate(5, sink)
    gate.add(1)
    with pytest.raises(OSError):
        gate.close()
    gate.add(2)
    gate.close()
    assert sink.batches == [[1, 2]]


def test_many_threads_lose_and_double_nothing():
    seen = []
    gate = BatchGate(7, lambda batch: seen.append(list(batch)))

    def sensor(number):
        return lambda: [gate.add((number, reading)) for reading in range(25)]

    together(*(sensor(number) for number in range(6)))
    gate.close()
    items = [item for batch in seen for item in batch]
    assert [len(batch) for batch in seen] == [7] * 21 + [3]
    assert sorted(items) == [(number, reading) for number in range(6) for reading in range(25)]


def test_sink_calls_never_overlap():
    inside, overlaps, pause = [], [], threading.Event()

    def sink(batch):
        inside.append(1)
        if len(inside) > 1:
            overlaps.append(len(inside))
        pause.wait(0.002)
        inside.pop()

    gate = BatchGate(2, sink)
    together(*([lambda: [gate.add(0) for _ in range(6)]] * 5))
    assert overlaps == []
    assert gate.pending() == 0
