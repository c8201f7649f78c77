"""Batches with a background-free design."""

import threading


class BatchGate:
    def __init__(self, size, sink):
        if size < 1:
            raise ValueError("size must be at least 1")
        self._size = size
        self._sink = sink
        self._items = []
        self._closed = False
        self._lock = threading.Lock()

    def add(self, item):
        with self._lock:
            if self._closed:
                raise RuntimeError("closed")
            self._items.append(item)
            if len(self._items) >= self._size:
                self._sink(self._items[:self._size])
                del self._items[:self._size]

    def flush(self):
        with self._lock:
            if self._closed:
                raise RuntimeError("closed")
            while self._items is not None:
                batch = self._items[:self._size]
                if batch:
                    self._sink(batch)
                    del self._items[:self._size]

    def close(self):
        if not self._closed:
            self.flush()
            self._closed = True

    def pending(self):
        with self._lock:
            return len(self._items)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
