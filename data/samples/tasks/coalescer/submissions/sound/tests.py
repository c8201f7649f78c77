import threading
import time
import unittest


class CoalescerTest(unittest.TestCase):
    def setUp(self):
        self.gate = threading.Event()
        self.begun = threading.Event()
        self.calls = []
        self.seen = []

    def slow(self):
        self.calls.append(1)
        self.begun.set()
        self.gate.wait(2)
        return "tile"

    def failing(self):
        self.slow()
        raise KeyError("tile")

    def visit(self, coalescer, work):
        try:
            self.seen.append(coalescer.run("k", work))
        except (KeyError, RuntimeError) as error:
            self.seen.append(type(error))

    def crowd(self, coalescer, work, waiters):
        threads = [threading.Thread(target=self.visit, args=(coalescer, work), daemon=True) for _ in range(waiters + 1)]
        threads[0].start()
        self.assertTrue(self.begun.wait(2))
        for thread in threads[1:]:
            thread.start()
        deadline = time.monotonic() + 2
        while coalescer.waiting("k") != waiters and time.monotonic() < deadline:
            time.sleep(0.001)
        self.assertEqual(coalescer.waiting("k"), waiters)
        return threads

    def finish(self, threads):
        self.gate.set()
        for thread in threads:
            thread.join(2)

    def test_one_call_for_all(self):
        coalescer = Coalescer()
        self.finish(self.crowd(coalescer, self.slow, 3))
        self.assertEqual(self.seen, ["tile"] * 4)
        self.assertEqual(len(self.calls), 1)
        self.assertEqual(coalescer.stats(), {"started": 1, "shared": 3, "refused": 0})
        self.assertEqual(coalescer.waiting("k"), 0)

    def test_one_exception_for_all(self):
        coalescer = Coalescer()
        self.finish(self.crowd(coalescer, self.failing, 2))
        self.assertEqual(self.seen, [KeyError] * 3)
        self.assertEqual(coalescer.run("k", lambda: 5), 5)

    def test_limit(self):
        coalescer = Coalescer(max_waiting=1)
        threads = self.crowd(coalescer, self.slow, 1)
        with self.assertRaises(RuntimeError):
            coalescer.run("k", self.slow)
        self.assertEqual(coalescer.run("other", lambda: 3), 3)
        self.finish(threads)
        self.assertEqual(coalescer.stats(), {"started": 2, "shared": 1, "refused": 1})

    def test_reentry(self):
        coalescer = Coalescer()
        with self.assertRaises(RuntimeError):
            coalescer.run("k", lambda: coalescer.run("k", int))
        self.assertEqual(coalescer.run("k", lambda: coalescer.run("j", lambda: 4)), 4)
        self.assertEqual(coalescer.stats(), {"started": 3, "shared": 0, "refused": 1})
