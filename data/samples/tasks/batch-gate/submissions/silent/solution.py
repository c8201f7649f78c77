import threading


class BatchGate:
    def __init__(self, size, sink):
        if size < 1:
            raise ValueError("size")
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
            while len(self._items) >= self._size:
                self._send()

    def flush(self):
        with self._lock:
            if self._closed:
                raise RuntimeError("closed")
            self._send_all()

    def close(self):
        with self._lock:
            if not self._closed:
                self._send_all()
                self._closed = True

    def pending(self):
        with self._lock:
            return len(self._items)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _send_all(self):
        while self._items:
            self._send()

    def _send(self):
        self._sink(self._items[:self._size])
        del self._items[:self._size]
