"""IntervalMap: ranges to values."""


class IntervalMap:
    """Holds disjoint spans in ascending order; each step makes a new list."""

    def __init__(self):
        self._current = []
        self._steps = []

    def assign(self, start, stop, value):
        if value is None:
            raise ValueError("value must not be None")
        self._replace(start, stop, [(start, stop, value)])

    def erase(self, start, stop):
        self._replace(start, stop, [])

    def at(self, point):
        for start, stop, value in self._current:
            if start <= point < stop:
                return value
        return None

    def spans(self):
        return self._current[:]

    def undo(self):
        if not self._steps:
            return False
        self._current = self._steps.pop()
        return True

    def __len__(self):
        return len(self._current)

    def _replace(self, start, stop, middle):
        if start >= stop:
            raise ValueError("start must be below stop")
        left = [(a, min(b, start), v) for a, b, v in self._current if a < start]
        right = [(max(a, stop), b, v) for a, b, v in self._current if b > stop]
        self._steps.append(self._current)
        self._current = []
        for span in left + middle + right:
            self._append(span)

    def _append(self, span):
        if self._current and self._current[-1][1:] == (span[0], span[2]):
            span = (self._current.pop()[0], span[1], span[2])
        self._current.append(span)
