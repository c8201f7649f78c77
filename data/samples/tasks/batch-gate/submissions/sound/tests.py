import threading
import unittest

from solution import BatchGate


class Sink:
    def __init__(self, fail=0):
        self.batches, self.fail = [], fail

    def __call__(self, batch):
        if self.fail:
            self.fail -= 1
            raise OSError("full")
        self.batches.append(batch)


class BatchGateTest(unittest.TestCase):
    def setUp(self):
        self.sink = Sink()
        self.gate = BatchGate(3, self.sink)

    def fill(self, *items):
        for item in items:
            self.gate.add(item)

    def test_full_batches_leave_and_the_rest_stays(self):
        self.fill(1, 2)
        self.assertEqual((self.sink.batches, self.gate.pending()), ([], 2))
        self.fill(3, 4)
        self.assertEqual((self.sink.batches, self.gate.pending()), ([[1, 2, 3]], 1))

    def test_flush(self):
        self.gate.flush()
        self.fill(1)
        self.gate.flush()
        self.gate.flush()
        self.assertEqual(self.sink.batches, [[1]])

    def test_close(self):
        self.fill(1, 2)
        self.gate.close()
        self.gate.close()
        self.assertEqual(self.sink.batches, [[1, 2]])
        self.assertRaises(RuntimeError, self.gate.add, 3)
        self.assertRaises(RuntimeError, self.gate.flush)
        self.assertEqual(self.gate.pending(), 0)

    def test_context_manager(self):
        with self.assertRaises(KeyError), self.gate as gate:
            gate.add(1)
            raise KeyError
        self.assertEqual(self.sink.batches, [[1]])
        self.assertRaises(RuntimeError, self.gate.add, 3)

    def test_size(self):
        self.assertRaises(ValueError, BatchGate, 0, self.sink)
        single = BatchGate(1, self.sink)
        single.add(5)
        self.assertEqual(self.sink.batches, [[5]])

    def test_failure_keeps_the_items(self):
        self.sink.fail = 1
        self.fill(1, 2)
        self.assertRaises(OSError, self.gate.add, 3)
        self.assertEqual(self.gate.pending(), 3)
        self.fill(4, 5, 6)
        self.assertEqual(self.sink.batches, [[1, 2, 3], [4, 5, 6]])

    def test_failed_close_stays_open(self):
        self.fill(1)
        self.sink.fail = 1
        self.assertRaises(OSError, self.gate.close)
        self.fill(2)
        self.gate.close()
        self.assertEqual(self.sink.batches, [[1, 2]])

    def test_threads(self):
        threads = [threading.Thread(target=self.fill, args=range(n, n + 20)) for n in (0, 100, 200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)
        self.gate.close()
        items = sum(self.sink.batches, [])
        self.assertEqual(sorted(items), [*range(20), *range(100, 120), *range(200, 220)])
        self.assertEqual({len(batch) for batch in self.sink.batches}, {3})
