"""A class of states, events and hooks, as hidden tests often have it."""
# ruff: noqa


class InvalidTransition(Exception):
    def __init__(self, state, event):
        super().__init__(f"{event!r} is not allowed in {state!r}")
        self.state, self.event = state, event


class Machine:
    def __init__(self, initial):
        self.state, self._table, self._hooks, self.history = initial, {}, {}, [initial]

    def add(self, source, event, target, guard=None):
        self._table[source, event] = (target, guard)
        return self

    def on_enter(self, state):
        def register(function):
            self._hooks.setdefault(state, []).append(function)
            return function

        return register

    def fire(self, event, **data):
        target, guard = self._table.get((self.state, event), (None, None))
        if target is None or (guard and not guard(data)):
            raise InvalidTransition(self.state, event)
        self.state = target
        self.history.append(target)
        for hook in self._hooks.get(target, []):
            hook(self, **data)
        return self.state


# ---- hidden tests ----

import pytest
from solution import InvalidTransition, Machine


def door():
    return (
        Machine("closed")
        .add("closed", "open", "opened")
        .add("opened", "close", "closed")
        .add("closed", "lock", "locked", guard=lambda data: data.get("key") == 7)
    )


def test_path():
    machine = door()
    machine.fire("open")
    machine.fire("close")
    assert machine.history == ["closed", "opened", "closed"]


def test_refused():
    with pytest.raises(InvalidTransition) as caught:
        door().fire("close")
    assert (caught.value.state, caught.value.event) == ("closed", "close") and "'close' is not allowed" in str(
        caught.value
    )


def test_guard():
    with pytest.raises(InvalidTransition):
        door().fire("lock", key=1)
    assert door().fire("lock", key=7) == "locked"


def test_hook():
    machine, seen = door(), []

    @machine.on_enter("opened")
    def entered(m, **data):
        seen.append((m.state, m is machine, data))

    machine.fire("open", who="me")
    assert seen == [("opened", True, {"who": "me"})] and entered.__name__ == "entered"
