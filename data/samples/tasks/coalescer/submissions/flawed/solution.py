import threading


class Coalescer:
    def __init__(self, max_waiting=None):
        self.max_waiting = max_waiting
        self.lock = threading.Lock()
        self.events = {}
        self.results = {}
        self.waiters = {}
        self.counts = {"started": 0, "shared": 0, "refused": 0}

    def run(self, key, work):
        with self.lock:
            event = self.events.get(key)
            if event is None:
                event = self.events[key] = threading.Event()
                self.waiters[key] = 0
                self.counts["started"] += 1
                leader = True
            else:
                if self.max_waiting and self.waiters[key] >= self.max_waiting:
                    self.counts["refused"] += 1
                    raise RuntimeError("too many waiting")
                self.waiters[key] += 1
                leader = False
        if leader:
            try:
                self.results[key] = work()
            finally:
                with self.lock:
                    del self.events[key]
                event.set()
            return self.results[key]
        event.wait()
        with self.lock:
            self.counts["shared"] += 1
        return self.results.get(key)

    def waiting(self, key):
        return self.waiters.get(key, 0)

    def stats(self):
        return self.counts
