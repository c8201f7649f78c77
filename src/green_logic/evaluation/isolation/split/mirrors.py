"""Containers that both sides hold: whoever changes one, the other sees it with the next message, as in one process.

So a solution sorts the caller's list in place, and a test that changes the list it was given finds out whether it was a
copy. A mirror is dropped when nothing on its side refers to it any more. With several threads at once the last message
wins, and nothing is dropped.
"""

from __future__ import annotations

import itertools
import json
import operator
import sys
import threading
from collections.abc import Iterable
from typing import Any

from green_logic.evaluation.isolation.split.values import EMPTY_STATES, Codec, check_list, check_number
from green_logic.evaluation.isolation.split.wire import LostError

KINDS = {tag: kind for kind, tag in EMPTY_STATES.items()}
MAX_MIRRORS = 20_000  # beyond it containers are copies, as they are between processes
MAX_ITEMS = 20_000  # a larger one is looked at once, after the call it was part of
ALONE = 2  # references to a container that only its mirror and the call that counts them hold
# what stays the same to the other side for as long as it is the same object: what cannot change, and other mirrors
ATOMS = frozenset({str, int, float, bool, type(None), bytes, complex})
STEADY = ATOMS | EMPTY_STATES.keys()


class Mirror:
    """One container, and what the other side knows of it."""

    __slots__ = ("known", "seen", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.known = ""
        self.seen: Any = None

    def is_as_seen(self) -> bool:
        """Whether it surely holds what it held at the last look. No method of anything in it is called."""
        value, seen = self.value, self.seen
        if seen is None:
            return False
        if type(value) is bytearray:
            return bool(value == seen)
        size = len(value) * 2 if type(value) is dict else len(value)
        return size == len(seen) and all(map(operator.is_, _items(value), seen))

    def look(self) -> None:
        """Remember what it holds; before it is encoded, for another thread may change it meanwhile."""
        value = self.value
        self.seen = bytes(value) if type(value) is bytearray else _take_steady(list(_items(value)))


class Mirrors:
    """All mirrored containers of one side. `parity` keeps the numbers of the two sides apart."""

    def __init__(self, codec: Codec, parity: int) -> None:
        self._codec = codec
        self._next = parity
        self._mirrors: dict[int, Mirror] = {}
        self._numbers: dict[int, int] = {}  # by identity
        self._unsettled: list[Mirror] = []
        self._has_lost = False  # since the last collection: a mirror whose container may be in another one
        self._lock = threading.RLock()

    def encode(self, value: Any, depth: int) -> list[Any]:
        """A reference to `value` if the other side has it, else all of it."""
        with self._lock:
            number = self._numbers.get(id(value))
            if number is not None:
                return ["m", number]
            number, self._next = self._next, self._next + 2
            if len(self._mirrors) < MAX_MIRRORS:
                # before its content: a container may hold itself
                self._add(number, value).look()
            content = self._codec.encode_content(value, depth)
            if number in self._mirrors:
                self._mirrors[number].known = json.dumps(content)
            return [EMPTY_STATES[type(value)], number, content]

    def decode(self, data: list[Any], depth: int) -> Any:
        """The container that the other side's `encode` wrote. Raises LostError for one that it never sent."""
        tag, number = data[0], check_number(data[1])
        with self._lock:
            if tag == "m":
                return self.find(number)
            if number in self._mirrors or number & 1 == self._next & 1:
                raise LostError("a container with a number that it cannot have")
            value = KINDS[tag]()
            if len(self._mirrors) < MAX_MIRRORS:
                self._unsettled.append(self._add(number, value))
            _fill(value, self._codec.decode_content(KINDS[tag], data[2], depth))
            return value

    def find(self, number: int) -> Any:
        """The container of a number. Raises LostError if there is none."""
        mirror = self._mirrors.get(number)
        if mirror is None:
            raise LostError("an unknown container")
        return mirror.value

    def settle(self) -> None:
        """Take every container as it is now for what the other side knows; after a message was decoded."""
        with self._lock:
            while self._unsettled:
                mirror = self._unsettled.pop()
                mirror.known = self._print(mirror)

    def mark(self) -> int:
        """The number before everything that is encoded from here on."""
        return self._next

    def forget_since(self, mark: int) -> None:
        """Forget what was encoded for a message that was never sent."""
        with self._lock:
            self._has_lost = True
            for number in range(mark, self._next, 2):
                self._forget(number)

    def collect(self, *, keep: bool) -> dict[str, Any]:
        """What the next message must say: changed content, and what is dropped here. `keep`: drop nothing."""
        with self._lock:
            dropped: list[int] = []
            changed: list[Any] = []
            # then what is in a container may have no mirror
            is_unsure = self._has_lost or len(self._mirrors) >= MAX_MIRRORS
            self._has_lost = False
            for number, mirror in list(self._mirrors.items()):
                is_done = sys.getrefcount(mirror.value) <= ALONE or len(mirror.value) > MAX_ITEMS
                if is_unsure or not mirror.is_as_seen():
                    self._compare(number, mirror, changed)
                if is_done and not keep:
                    dropped.append(number)
            for number in dropped:
                self._forget(number)
        return {name: found for name, found in (("u", changed), ("x", dropped)) if found}

    def _compare(self, number: int, mirror: Mirror, changed: list[Any]) -> None:
        """Add the content of a container to `changed` if the other side knows another one."""
        mirror.look()
        content = self._codec.encode_content(mirror.value)
        if (now := json.dumps(content)) != mirror.known:
            changed.append([number, content])
            mirror.known = now

    def apply(self, message: dict[str, Any]) -> None:
        """Do what the other side's `collect` said. Raises LostError."""
        with self._lock:
            for entry in check_list(message.get("u", [])):
                number, content = check_list(entry)
                value = self.find(check_number(number))
                _fill(value, self._codec.decode_content(type(value), content))
                self._unsettled.append(self._mirrors[number])
            for number in check_list(message.get("x", [])):
                self._forget(check_number(number))

    def _print(self, mirror: Mirror) -> str:
        mirror.look()
        return json.dumps(self._codec.encode_content(mirror.value))

    def _add(self, number: int, value: Any) -> Mirror:
        self._mirrors[number] = mirror = Mirror(value)
        self._numbers[id(value)] = number
        return mirror

    def _forget(self, number: int) -> None:
        mirror = self._mirrors.pop(number, None)
        if mirror is not None:
            del self._numbers[id(mirror.value)]
            self._has_lost |= len(mirror.value) > MAX_ITEMS


def _items(value: Any) -> Iterable[Any]:
    return itertools.chain(value, value.values()) if type(value) is dict else value


def _take_steady(items: list[Any]) -> list[Any] | None:
    """`items`, None if there is something in them that may change without being another object."""
    kinds = set(map(type, items))
    if tuple in kinds:
        kinds.discard(tuple)
        kinds.update(type(part) for item in items if type(item) is tuple for part in item)
    return items if kinds <= STEADY else None


def _fill(value: Any, content: Any) -> None:
    """Give a container the content of another of its type, keeping its identity."""
    if type(value) in {list, bytearray}:
        value[:] = content
    else:
        value.clear()
        value.update(content)
