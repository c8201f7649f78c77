"""Containers and random generators that both sides hold: whoever changes one, the other sees it with the next message.

So, as in one process, a solution sorts the caller's list in place, and a test that changes the list it was given finds
out whether it was a copy. A mirror is dropped when nothing on its side refers to it any more, unless there are several
threads. Where both sides change one container at the same time, the last change wins.
"""

from __future__ import annotations

import itertools
import operator
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from green_logic.evaluation.isolation.split.news import News
from green_logic.evaluation.isolation.split.values import EMPTY_STATES, MALFORMED, Codec, check_number, check_text
from green_logic.evaluation.isolation.split.wire import LostError, to_json

KINDS = {tag: kind for kind, tag in EMPTY_STATES.items()}
MAX_MIRRORS = 20_000  # beyond it containers are copies, as they are between processes
MAX_ITEMS = 20_000  # a larger one is looked at once, after the call it was part of
ALONE = 2  # references to a container that only its mirror and the call that counts them hold
# what stays the same to the other side for as long as it is the same object: what cannot change, and other mirrors
ATOMS = frozenset({str, int, float, bool, type(None), bytes, complex})
MAX_PLAIN = 300  # characters or items of what is remembered for its identity
STEADY = ATOMS | EMPTY_STATES.keys()
WHOLE: dict[type, Callable[[Any], Any]] = {bytearray: bytes, Random: Random.getstate}  # looked at as one


def is_plain(value: Any) -> bool:
    """Whether it is text, a float or the like, small, and holds nothing that can change."""
    kind = type(value)
    if kind in {str, bytes, tuple, frozenset}:
        return len(value) <= MAX_PLAIN and (kind in {str, bytes} or all(type(item) in ATOMS for item in value))
    return kind is float


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
        if type(value) in WHOLE:
            return bool(WHOLE[type(value)](value) == seen)
        size = len(value) * 2 if type(value) is dict else len(value)
        return size == len(seen) and all(map(operator.is_, _items(value), seen))

    def look(self) -> None:
        """Remember what it holds; before it is encoded, for another thread may change it meanwhile."""
        value = self.value
        take = WHOLE.get(type(value))
        self.seen = take(value) if take else _take_steady(list(_items(value)))


class Mirrors:
    """All mirrored containers of one side. `parity` keeps the numbers of the two sides apart.

    Its lock is held while a message becomes bytes and while news are taken in and put into effect, so that numbers and
    news are in one order whatever the threads do. It is not held while they are read, see news.py.

        ["l"|"d"|"s"|"B"|"G", number, content]  a new one    ["u", number, content]  changed    ["x", number]  dropped
    """

    def __init__(self, codec: Codec, parity: int) -> None:
        self._codec = codec
        self._next = parity
        self._mirrors: dict[int, Mirror] = {}
        self._numbers: dict[int, int] = {}  # by identity
        self._unfilled: set[int] = set()  # the other side has told a content that is yet to be used
        self._has_lost = False  # since the last collection: a mirror whose container may be in another one
        self.news = News()
        self.lock = self.news.lock

    def encode(self, value: Any, depth: int) -> list[Any]:
        """A reference to `value`, which is news if the other side does not know it; a copy where there are too many."""
        with self.lock:
            number = self._numbers.get(id(value))
            if number is not None:
                return ["m", number]
            tag = EMPTY_STATES[type(value)]
            if len(self._mirrors) >= MAX_MIRRORS:
                return [tag, 0, self._codec.encode_content(value, depth)]
            mark = self.mark()
            number, self._next = self._next, self._next + 2
            # before its content: a container may hold itself
            mirror = self._add(number, value)
            mirror.look()
            try:
                content = self._codec.encode_content(value, depth)
                mirror.known = to_json(content)
                self.news.add([tag, number, content])
            except BaseException:
                self.forget_since(mark)
                raise
            return ["m", number]

    def decode(self, data: list[Any], depth: int) -> Any:
        """The container that the other side's `encode` wrote. Raises LostError for one that it never sent."""
        tag, number = data[0], check_number(data[1])
        if tag == "m":
            return self.find(number)
        if number:
            raise LostError("a container that is no news")
        return self._codec.decode_content(KINDS[tag], data[2], depth)

    def find(self, number: int) -> Any:
        """The container of a number. Raises LostError if there is none."""
        mirror = self._mirrors.get(number)
        if mirror is None:
            raise LostError("an unknown container")
        return mirror.value

    def mark(self) -> tuple[int, int]:
        """The number and the serial of what is encoded from here on."""
        return self._next, self.news.next

    def forget_since(self, mark: tuple[int, int]) -> None:
        """Forget what was encoded for a message that was never sent. The lock has been held since `mark`."""
        first, serial = mark
        self._has_lost = True
        for number in range(first, self._next, 2):
            self._forget(number)
        self.news.forget_since(serial)

    def collect(self, *, keep: bool) -> None:
        """Make news of changed content, and of what is dropped here. `keep`: drop nothing.

        Raises OversizeError for a content that no message can bring; it is never told.
        """
        dropped: list[int] = []
        # then what is in a container may have no mirror
        is_unsure = self._has_lost or len(self._mirrors) >= MAX_MIRRORS
        self._has_lost = False
        for number, mirror in list(self._mirrors.items()):
            if number in self._unfilled:
                continue
            is_done = sys.getrefcount(mirror.value) <= ALONE or _size(mirror.value) > MAX_ITEMS
            if is_unsure or not mirror.is_as_seen():
                self._compare(number, mirror)
            if is_done and not keep:
                dropped.append(number)
        for number in dropped:
            self._forget(number)
            self.news.add(["x", number])

    def _compare(self, number: int, mirror: Mirror) -> None:
        """Tell the content of a container if the other side knows another one."""
        mirror.look()
        content = self._codec.encode_content(mirror.value)
        if (now := to_json(content)) != mirror.known:
            mirror.known = now
            self.news.add(["u", number, content])

    def announce(self, entry: list[Any]) -> None:
        """Make the container that is to come, for others may hold it. Raises LostError."""
        tag = check_text(entry[0]) if len(entry) > 2 else ""
        if tag == "u":
            self._unfilled.add(check_number(entry[1]))
        elif kind := KINDS.get(tag):
            number = check_number(entry[1])
            if number in self._mirrors or number & 1 == self._next & 1 or len(self._mirrors) > 2 * MAX_MIRRORS:
                raise LostError("a container with a number that it cannot have")
            self._add(number, kind())
            self._unfilled.add(number)

    def read(self, entry: list[Any]) -> Any:
        """The content that the other side tells, None if it drops a container. Raises LostError."""
        with _refusing():
            tag, number = entry[0], check_number(entry[1])
            if tag == "x":
                return None
            if tag == "u" or number in self._unfilled:
                # of the type that is there: another one may be told
                return self._codec.decode_content(type(self.find(number)), entry[2])
            raise LostError("unknown news")

    def use(self, entry: list[Any], content: Any) -> None:
        """Do what the other side tells; `read` gave the content. Raises LostError."""
        if entry[0] == "x":
            self._forget(entry[1])
            return
        with _refusing():
            self._refill(entry[1], content)

    def _refill(self, number: int, content: Any) -> None:
        value = self.find(number)
        _fill(value, content)
        self._unfilled.discard(number)
        mirror = self._mirrors[number]
        mirror.look()
        mirror.known = to_json(self._codec.encode_content(value))

    def _add(self, number: int, value: Any) -> Mirror:
        self._mirrors[number] = mirror = Mirror(value)
        self._numbers[id(value)] = number
        return mirror

    def _forget(self, number: int) -> None:
        mirror = self._mirrors.pop(number, None)
        if mirror is not None:
            del self._numbers[id(mirror.value)]
            self._has_lost |= _size(mirror.value) > MAX_ITEMS


@contextmanager
def _refusing() -> Iterator[None]:
    """News that make no sense end the conversation."""
    try:
        yield
    except MALFORMED as error:
        raise LostError(f"malformed news: {error}") from error


def _size(value: Any) -> int:
    return 0 if type(value) is Random else len(value)


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
    """Give a container the content of another of its type, keeping its identity. Nothing is hashed or compared."""
    if type(value) in {list, bytearray}:
        value[:] = content
    elif type(value) is Random:
        value.setstate(content.getstate())
    else:
        value.clear()
        value.update(content)
