"""Dataclass events, an append-only store, projections given as callbacks."""
# ruff: noqa

import time, uuid
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Event:
    kind: str
    data: dict
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    at: float = field(default_factory=time.time)


class Store:
    def __init__(self):
        self._events = []

    def append(self, event, expected=None):
        if expected is not None and expected != len(self._events):
            raise RuntimeError(f"expected version {expected}, is {len(self._events)}")
        self._events.append(event)
        return len(self._events)

    def __iter__(self):
        return iter(tuple(self._events))

    def fold(self, function, initial):
        for event in self:
            initial = function(initial, event)
        return initial

    def dump(self):
        return [asdict(event) for event in self]


# ---- hidden tests ----

import pytest
from solution import Event, Store


def filled():
    store = Store()
    for n in (5, -2):
        store.append(Event("moved", {"by": n}))
    return store


def test_fold():
    assert filled().fold(lambda total, event: total + event.data["by"], 0) == 3


def test_iterate():
    assert [event.kind for event in filled()] == ["moved", "moved"] and all(isinstance(e, Event) for e in filled())


def test_version():
    store = filled()
    assert store.append(Event("x", {}), expected=2) == 3
    with pytest.raises(RuntimeError, match="expected version 2"):
        store.append(Event("x", {}), expected=2)


def test_unique():
    assert len({event.id for event in filled()}) == 2


def test_dump():
    assert [e["data"] for e in filled().dump()] == [{"by": 5}, {"by": -2}]


def test_order():
    assert sorted(filled(), key=lambda event: event.data["by"])[0].data == {"by": -2}
