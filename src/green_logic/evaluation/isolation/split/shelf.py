"""The judge's store of compiled tests, one for each worker; `compiled` says how they come and where they go."""

from __future__ import annotations

from collections import OrderedDict

MAX_TASKS = 64


class Shelf:
    """Compiled tests by their text; the ones that were not asked for the longest make room for new ones."""

    def __init__(self) -> None:
        self._codes: OrderedDict[str, bytes] = OrderedDict()

    def find(self, tests: str) -> bytes:
        """The code of `tests`; empty if there is none."""
        if tests in self._codes:
            self._codes.move_to_end(tests)
        return self._codes.get(tests, b"")

    def keep(self, tests: str, code: bytes) -> None:
        """Remember the code of `tests`, if there is any."""
        if code:
            self._codes[tests] = code
        while len(self._codes) > MAX_TASKS:
            self._codes.popitem(last=False)
