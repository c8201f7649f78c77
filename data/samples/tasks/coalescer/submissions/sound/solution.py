"""Coalesce concurrent calls for the same key into one."""

import threading


class Flight:
    """One call under way: who works, how many wait, and, once landed, its outcome."""

    def __init__(self, pilot):
        self.pilot = pilot
        self.passengers = 0
        self.landed = False
        self.result = None
        self.error = None

    def outcome(self):
        """The result, or the exception raised again."""
        if self.error is not None:
            raise self.error
        return self.result


class Coalescer:
    """One condition guards all state; `work` is called without holding it."""

    def __init__(self, max_waiting=None):
        self._max_waiting = max_waiting
        self._changed = threading.Condition(threading.Lock())
        self._flights = {}
        self._stats = {"started": 0, "shared": 0, "refused": 0}

    def run(self, key, work):
        """The result of work(), or of the same key's call that another thread has under way."""
        with self._changed:
            if key in self._flights:
                return self._share(key).outcome()
            flight = self._flights[key] = Flight(threading.get_ident())
            self._stats["started"] += 1
        try:
            flight.result = work()
        except BaseException as error:
            flight.error = error
            raise
        finally:
            with self._changed:
                del self._flights[key]
                flight.landed = True
                self._changed.notify_all()
        return flight.result

    def waiting(self, key):
        """How many threads wait for the key now."""
        with self._changed:
            flight = self._flights.get(key)
            return flight.passengers if flight else 0

    def stats(self):
        """Counters since the beginning, as a copy."""
        with self._changed:
            return dict(self._stats)

    def _share(self, key):
        flight = self._flights[key]
        if flight.pilot == threading.get_ident():
            self._stats["refused"] += 1
            raise RuntimeError(f"{key!r} would wait for itself")
        if self._max_waiting is not None and flight.passengers >= self._max_waiting:
            self._stats["refused"] += 1
            raise RuntimeError(f"{key!r} has {flight.passengers} waiters already")
        flight.passengers += 1
        self._changed.wait_for(lambda: flight.landed)
        self._stats["shared"] += 1
        return flight
