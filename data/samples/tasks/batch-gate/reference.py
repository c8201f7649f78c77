"""Reference: one lock around everything, the sink included."""

import threading


class BatchGate:
    def __init__(self, size, sink):
        if size < 1:
            raise ValueError(f"size {size} is below 1")
        self._size, self._sink = size, sink
        self._lock = threading.Lock()
        self._items = []
        self._open = True

    def add(self, item):
        with self._lock:
            self._check_open()
            self._items.append(item)
            while len(self._items) >= self._size:
                self._deliver()

    def flush(self):
        with self._lock:
            self._check_open()
            self._drain()

    def close(self):
        with self._lock:
            if self._open:
                self._drain()
                self._open = False

    def pending(self):
        with self._lock:
            return len(self._items)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _check_open(self):
        if not self._open:
            raise RuntimeError("the gate is closed")

    def _drain(self):
        while self._items:
            self._deliver()

    def _deliver(self):
        self._sink(self._items[: self._size])
        del self._items[: self._size]
