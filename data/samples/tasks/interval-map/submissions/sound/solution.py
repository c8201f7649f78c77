"""Ranges of whole numbers mapped to values, kept as sorted boundaries."""

from bisect import bisect_left, bisect_right


class IntervalMap:
    """`_edges[i]` is where `_values[i]` begins; None stands for a gap. The last edge always begins a gap."""

    def __init__(self):
        self._edges = []
        self._values = []
        self._past = []

    def __len__(self):
        return len(self.spans())

    def at(self, point):
        """The value that covers the point, or None."""
        index = bisect_right(self._edges, point) - 1
        return self._values[index] if index >= 0 else None

    def assign(self, start, stop, value):
        """Paint [start, stop) with a value."""
        if value is None:
            raise ValueError("None cannot be assigned, use erase()")
        self._paint(start, stop, value)

    def erase(self, start, stop):
        """Remove the coverage of [start, stop)."""
        self._paint(start, stop, None)

    def undo(self):
        """Take back the latest step; False if there is none."""
        if not self._past:
            return False
        self._edges, self._values = self._past.pop()
        return True

    def spans(self):
        """Covered stretches as (start, stop, value), ascending."""
        stops = self._edges[1:]
        return [span for span in zip(self._edges, stops, self._values) if span[2] is not None]

    def _paint(self, start, stop, value):
        if start >= stop:
            raise ValueError(f"start {start} must be below stop {stop}")
        after = self.at(stop)
        low, high = bisect_left(self._edges, start), bisect_right(self._edges, stop)
        before = self._values[low - 1] if low else None
        edges, values = [], []
        if value != before:
            edges.append(start)
            values.append(value)
        if after != value:
            edges.append(stop)
            values.append(after)
        self._past.append((self._edges, self._values))
        self._edges = self._edges[:low] + edges + self._edges[high:]
        self._values = self._values[:low] + values + self._values[high:]
