import threading

from solution import BatchGate


def test_batches():
    out = []
    gate = BatchGate(2, out.append)
    for i in range(4):
        gate.add(i)
    assert out == [[0, 1], [2, 3]]


def test_close():
    out = []
    with BatchGate(2, out.append) as gate:
        gate.add(1)
    assert out == [[1]]


def test_threads():
    out = []
    gate = BatchGate(2, out.append)
    threads = [threading.Thread(target=gate.add, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sum(len(b) for b in out) == 4
