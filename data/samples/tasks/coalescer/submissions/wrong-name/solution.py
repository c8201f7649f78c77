"""Call coalescing."""

import threading


class CallCoalescer:
    def __init__(self, max_waiting=None):
        self._max_waiting = max_waiting
        self._lock = threading.Lock()
        self._calls = {}
        self._stats = {"started": 0, "shared": 0, "refused": 0}

    def run(self, key, work):
        with self._lock:
            call = self._calls.get(key)
            if call is None:
                call = self._calls[key] = {"owner": threading.get_ident(), "done": threading.Event(), "waiting": 0}
                self._stats["started"] += 1
                mine = True
            else:
                self._admit(call)
                mine = False
        if mine:
            return self._lead(key, call, work)
        call["done"].wait()
        with self._lock:
            self._stats["shared"] += 1
        if "error" in call:
            raise call["error"]
        return call["result"]

    def waiting(self, key):
        with self._lock:
            return self._calls[key]["waiting"] if key in self._calls else 0

    def stats(self):
        with self._lock:
            return dict(self._stats)

    def _admit(self, call):
        full = self._max_waiting is not None and call["waiting"] >= self._max_waiting
        if full or call["owner"] == threading.get_ident():
            self._stats["refused"] += 1
            raise RuntimeError("this thread may not wait for the call")
        call["waiting"] += 1

    def _lead(self, key, call, work):
        try:
            call["result"] = work()
            return call["result"]
        except BaseException as error:
            call["error"] = error
            raise
        finally:
            with self._lock:
                del self._calls[key]
            call["done"].set()
