"""What one side has to tell beside its answers, in one order for all channels, until the other side has heard it.

News are about what both sides hold, and a thread reads what another thread's call has changed. So they carry serial
numbers, and a message brings all that its reader may not know yet: what the other side has not confirmed and this
channel has not brought. Nobody waits for a message of another channel; what comes twice is skipped.

    "u": [serial of the first, entry, ...]     "h": the other side's last serial that was heard
"""

from __future__ import annotations

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

ROOM_BYTES = 1 << 10  # of a frame of news, for the names around them


class News:
    """Both directions of one side. A lock of its owner's is held around every call."""

    def __init__(self) -> None:
        self._entries: list[str] = []  # JSON
        self._first = 1  # serial of the oldest one that is kept
        self._sent = 0  # the last serial that any message brought
        self._heard = 0  # the other side's last serial that came here
        self._told = 0  # the last one that it was told of
        self._unused: deque[list[Any]] = deque()
        self._is_using = False

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

    def take(self, told: object, announce: Callable[[list[Any]], None], use: Callable[[list[Any]], None]) -> None:
        """Let `use` have every entry that is new here, in order, after `announce` had all of them. Raises LostError.

        Using one may take an answer of the other side, which brings more: they wait until that one is used.
        """
        first, *entries = check_list(told) or [0]
        if not 1 <= check_number(first) <= self._heard + 1:
            raise LostError("news with a gap")
        fresh = [check_list(entry) for entry in entries[self._heard + 1 - first :]]
        for entry in fresh:
            announce(entry)
        self._unused.extend(fresh)
        self._heard += len(fresh)
        if self._is_using:
            return
        self._is_using = True
        try:
            while self._unused:
                use(self._unused.popleft())
        finally:
            self._is_using = False
