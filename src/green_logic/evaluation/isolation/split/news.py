"""What one side has to tell beside its answers, in one order for all channels, until the other side has heard it.

News are about what both sides hold, and a thread reads what another thread's call has changed. So they carry serial
numbers, and a message brings all that its reader may not know yet: what the other side has not confirmed and this
channel has not brought. Nobody waits for a message of another channel; what comes twice is skipped.

Reading an entry may take the other side: a set needs the hashes of objects that live over there. So an entry is read
without the lock and put into effect with it. Other threads that need the entry wait for that, but not those in whose
conversation either side is in the middle of reading: they would wait for each other in a circle. They read the entry
themselves, and whoever has read it first puts it into effect.

    "u": [serial of the first, entry, ...]     "h": the other side's last serial that was heard
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from green_logic.evaluation.isolation.split.values import check_list, check_number
from green_logic.evaluation.isolation.split.wire import (
    MAX_FRAME_BYTES,
    LostError,
    Message,
    OversizeError,
    add_news,
    frame,
    to_json,
)

Read = Callable[[list[Any]], Any]
Apply = Callable[[list[Any], Any], None]
ROOM_BYTES = 1 << 10  # of a frame of news, for the names around them
PATIENCE_S = 0.1  # with a thread that reads an entry: it may need a lock of the tests' or the solution's that we hold


class Using(threading.local):
    """Whether the calling thread is in the middle of an entry."""

    now = False


class News:
    """Both directions of one side. Its lock is held around every call but `use`, which must not be called with it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._entries: list[str] = []  # JSON
        self._first = 1  # serial of the oldest one that is kept
        self._sent = 0  # the last serial that any message brought
        self._heard = 0  # the other side's last serial that came here
        self._told = 0  # the last one that it was told of
        self._unused: deque[list[Any]] = deque()
        self._being_read: list[Any] | None = None  # the last entry that a thread began to read
        self._used = threading.Condition(self.lock)
        self._using = Using()

    @property
    def next(self) -> int:
        """The serial of the next entry."""
        return self._first + len(self._entries)

    def add(self, entry: list[Any]) -> None:
        """One more. Raises OversizeError if no frame can bring it."""
        text = to_json(entry)
        if len(text) > MAX_FRAME_BYTES - ROOM_BYTES:
            raise OversizeError(f"a value of {len(text)} bytes, expected at most {MAX_FRAME_BYTES - ROOM_BYTES}")
        self._entries.append(text)

    def forget_since(self, mark: int) -> None:
        """Take back the entries from the serial `mark` on, but for those that a message has brought."""
        del self._entries[max(mark, self._sent + 1) - self._first :]

    def pack(self, message: Message, brought: int) -> tuple[bytes, int]:
        """The frames of a message on a channel that brought news up to the serial `brought`; up to which it then does.

        Raises OversizeError, and then nothing has changed.
        """
        if self._heard != self._told:
            message["h"] = self._heard
        text = to_json(message)
        first = max(brought + 1, self._first)
        if entries := self._entries[first - self._first :]:
            joined = add_news(text, first, entries)
            # entries are seldom that many or that large; then there is a frame for each
            alone = (frame(add_news("{}", serial, [entry])) for serial, entry in enumerate(entries, first))
            frames = frame(joined) if len(joined) <= MAX_FRAME_BYTES else b"".join((*alone, frame(text)))
        else:
            frames = frame(text)
        self._told, self._sent = self._heard, self.next - 1
        return frames, self._sent

    def confirm(self, heard: object) -> None:
        """The other side has heard the entries up to the serial `heard`. Raises LostError if nobody sent them."""
        number = check_number(heard)
        if number > self._sent:
            raise LostError("news confirmed that were never sent")
        if number >= self._first:
            del self._entries[: number + 1 - self._first]
            self._first = number + 1

    def take(self, told: object, announce: Callable[[list[Any]], None]) -> None:
        """Keep every entry that is new here for `use`, after `announce` had all of them. Raises LostError."""
        first, *entries = check_list(told) or [0]
        if not 1 <= check_number(first) <= self._heard + 1:
            raise LostError("news with a gap")
        fresh = [check_list(entry) for entry in entries[self._heard + 1 - first :]]
        for entry in fresh:
            announce(entry)
        self._unused.extend(fresh)
        self._heard += len(fresh)

    def use(self, read: Read, apply: Apply, *, may_wait: bool) -> None:
        """Let `apply` have every entry that was taken, in order and once, each with what `read` makes of it.

        Reading one may take an answer of the other side, which brings more: they wait until that one is used. Raises
        what the two raise; that entry is over then. `may_wait`: nobody who reads waits for the calling thread.
        """
        if self._using.now:
            return
        self._using.now = True
        try:
            while self._use_oldest(read, apply, may_wait=may_wait):
                pass
        finally:
            self._using.now = False

    def _use_oldest(self, read: Read, apply: Apply, *, may_wait: bool) -> bool:
        """Whether there was one; then it is used, or another thread's turn was waited for."""
        with self.lock:
            if not self._unused:
                return False
            entry = self._unused[0]
            if may_wait and entry is self._being_read and self._used.wait(PATIENCE_S):
                return True
            self._being_read = entry
        try:
            content = read(entry)
        except BaseException:
            if self._take_off(entry):
                raise
            return True  # another thread has used it, and what it says may be over
        with self.lock:
            if self._take_off(entry):
                apply(entry, content)
        return True

    def _take_off(self, entry: list[Any]) -> bool:
        """Whether no other thread has used the entry; none will any more."""
        with self.lock:
            is_ours = bool(self._unused) and self._unused[0] is entry
            if is_ours:
                self._unused.popleft()
                self._used.notify_all()
            return is_ours
