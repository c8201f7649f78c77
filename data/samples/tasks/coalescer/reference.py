"""Reference: one lock, one record per call under way."""

import threading


class _Call:
    def __init__(self):
        self.owner = threading.get_ident()
        self.done = threading.Event()
        self.waiting = 0
        self.result = None
        self.error = None


class Coalescer:
    def __init__(self, max_waiting=None):
        self._max_waiting = max_waiting
        self._lock = threading.Lock()
        self._calls = {}
        self._stats = {"started": 0, "shared": 0, "refused": 0}

    def run(self, key, work):
        with self._lock:
            call = self._calls.get(key)
            leads = call is None
            if leads:
                call = self._calls[key] = _Call()
                self._stats["started"] += 1
            else:
                self._join(key, call)
        if leads:
            self._work(key, call, work)
        else:
            call.done.wait()
            with self._lock:
                self._stats["shared"] += 1
        if call.error is not None:
            raise call.error
        return call.result

    def waiting(self, key):
        with self._lock:
            return self._calls[key].waiting if key in self._calls else 0

    def stats(self):
        with self._lock:
            return dict(self._stats)

    def _join(self, key, call):
        full = self._max_waiting is not None and call.waiting >= self._max_waiting
        if full or call.owner == threading.get_ident():
            self._stats["refused"] += 1
            raise RuntimeError(f"cannot wait for {key!r}")
        call.waiting += 1

    def _work(self, key, call, work):
        try:
            call.result = work()
        except BaseException as error:
            call.error = error
        with self._lock:
            del self._calls[key]
        call.done.set()
