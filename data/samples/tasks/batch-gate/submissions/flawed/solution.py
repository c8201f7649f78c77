import threading


class BatchGate:
    def __init__(self, size, sink):
        self.size = size
        self.sink = sink
        self.items = []
        self.lock = threading.Lock()
        self.closed = False

    def add(self, item):
        if self.closed:
            raise RuntimeError("closed")
        with self.lock:
            self.items.append(item)
            if len(self.items) >= self.size:
                batch, self.items = self.items, []
            else:
                batch = None
        if batch:
            self.sink(batch)

    def flush(self):
        with self.lock:
            batch, self.items = self.items, []
        self.sink(batch)

    def close(self):
        self.flush()
        self.closed = True

    def pending(self):
        return len(self.items)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()
        return True
