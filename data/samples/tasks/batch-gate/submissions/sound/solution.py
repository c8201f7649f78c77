"""Collect single items from many threads and deliver them in batches."""

import threading
from collections import deque


class BatchGate:
    """`_state` guards the queue for a moment; `_delivery` is held through a sink call, so calls never overlap."""

    def __init__(self, size, sink):
        if size < 1:
            raise ValueError(f"expected a size of at least 1, got {size}")
        self._size = size
        self._sink = sink
        self._queue = deque()
        self._closed = False
        self._state = threading.Lock()
        self._delivery = threading.RLock()

    def add(self, item):
        """Accept an item; delivers every full batch."""
        with self._state:
            if self._closed:
                raise RuntimeError("add on a closed gate")
            self._queue.append(item)
            full = len(self._queue) >= self._size
        if full:
            self._deliver(self._size)

    def flush(self):
        """Deliver everything that is pending."""
        with self._delivery:
            with self._state:
                if self._closed:
                    raise RuntimeError("flush on a closed gate")
            self._deliver(1)

    def close(self):
        """Flush, then refuse further items. Safe to call twice."""
        with self._delivery:
            while not self._shut():
                self._deliver(1)

    def pending(self):
        """How many items were accepted but not delivered."""
        with self._state:
            return len(self._queue)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.close()
        return False

    def _deliver(self, least):
        """Deliver batches from the front while at least `least` items are there."""
        with self._delivery:
            batch = self._front(least)
            while batch:
                self._sink(batch)
                with self._state:
                    for _ in batch:
                        self._queue.popleft()
                batch = self._front(least)

    def _shut(self):
        with self._state:
            if not self._queue:
                self._closed = True
            return self._closed

    def _front(self, least):
        with self._state:
            count = min(self._size, len(self._queue))
            return [self._queue[index] for index in range(count)] if count >= least else []
