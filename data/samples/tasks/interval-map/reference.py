"""Reference: every step rebuilds the list of spans from scratch. Slow, short, and easy to believe."""


class IntervalMap:
    def __init__(self):
        self._spans = []
        self._history = []

    def assign(self, start, stop, value):
        if value is None:
            raise ValueError("a value may not be None")
        self._step(start, stop, value)

    def erase(self, start, stop):
        self._step(start, stop, None)

    def at(self, point):
        return next((value for start, stop, value in self._spans if start <= point < stop), None)

    def spans(self):
        return list(self._spans)

    def undo(self):
        if not self._history:
            return False
        self._spans = self._history.pop()
        return True

    def __len__(self):
        return len(self._spans)

    def _step(self, start, stop, value):
        if start >= stop:
            raise ValueError(f"empty range: {start} to {stop}")
        pieces = [] if value is None else [(start, stop, value)]
        for left, right, held in self._spans:
            pieces += [(left, min(right, start), held), (max(left, stop), right, held)]
        self._history.append(self._spans)
        self._spans = _joined(sorted((piece for piece in pieces if piece[0] < piece[1]), key=lambda piece: piece[0]))


def _joined(pieces):
    spans = []
    for start, stop, value in pieces:
        if spans and spans[-1][1] == start and spans[-1][2] == value:
            spans[-1] = (spans[-1][0], stop, value)
        else:
            spans.append((start, stop, value))
    return spans
