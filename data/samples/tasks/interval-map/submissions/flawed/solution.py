"""Interval map on a plain list of spans."""


class IntervalMap:
    def __init__(self):
        self._spans = []
        self._undo = []

    def __len__(self):
        return len(self._spans)

    def at(self, point):
        for start, stop, value in self._spans:
            if start <= point <= stop:
                return value
        return None

    def assign(self, start, stop, value):
        self._cut(start, stop)
        self._spans.append((start, stop, value))
        self._spans.sort(key=lambda span: span[0])

    def erase(self, start, stop):
        self._cut(start, stop)

    def spans(self):
        return list(self._spans)

    def undo(self):
        if self._undo:
            self._spans = self._undo.pop()
            return True
        return False

    def _cut(self, start, stop):
        if start >= stop:
            raise ValueError("bad range")
        self._undo.append(self._spans)
        kept = []
        for left, right, value in self._spans:
            if left < start:
                kept.append((left, min(right, start), value))
            if right > stop:
                kept.append((max(left, stop), right, value))
        self._spans = kept
