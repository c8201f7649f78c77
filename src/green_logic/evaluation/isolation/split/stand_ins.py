"""All that stands for the tests' objects and classes in the solution's process, by their numbers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from green_logic.evaluation.isolation.split.handed import CLASS, OBJECT, make_stand_in
from green_logic.evaluation.isolation.split.handed_classes import UNDESCRIBED, complete_class, make_class, make_object

if TYPE_CHECKING:
    from green_logic.evaluation.isolation.split.solution import SolutionPeer


class Pending(threading.local):
    """Numbers of the classes that the calling thread is about to make."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()


class StandIns:
    """One for each object. No lock: the tests' side may be asked meanwhile, and who comes second takes the first's."""

    def __init__(self, peer: SolutionPeer) -> None:
        self._peer = peer
        self._known: dict[int, Any] = {}
        self._pending = Pending()

    def find(self, data: list[Any]) -> Any:
        """What stands for what the tests hand over as `["h", number, kind, ...]`."""
        number = data[1]
        known = self._known.get(number)
        return self._make(number, data) if known is None else known

    def class_of(self, number: int) -> Any:
        """The class that stands for one of the tests', which describe it once."""
        known = self._known.get(number)
        if known is not None:
            return known
        pending = self._pending.numbers
        if number in pending:
            return object  # nothing more is known of it within its own description
        pending.add(number)
        try:
            described = self._ask_for_description(number)
            known = self.remember(number, make_class(self._peer, number, described))
            complete_class(self._peer, known, described)
        finally:
            pending.discard(number)
        return known

    def remember(self, number: int, stand_in: Any) -> Any:
        """`stand_in`, if there is none yet for that number; else the one that there is."""
        return self._known.setdefault(number, stand_in)

    def _make(self, number: int, data: list[Any]) -> Any:
        kind = data[2]
        if kind == CLASS:
            return self.class_of(number)
        if kind != OBJECT:
            return self.remember(number, make_stand_in(self._peer, data))
        cls = self.class_of(data[3])
        known = self._known.get(number)  # a member of an enumeration came with its class
        return self.remember(number, make_object(number, cls, self._peer.decode(data[4]))) if known is None else known

    def _ask_for_description(self, number: int) -> dict[str, Any]:
        try:
            return dict(self._peer.request("class", number))
        except (TypeError, ValueError, RecursionError):
            return UNDESCRIBED
