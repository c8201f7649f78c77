"""One side's end of the conversation: channels, requests, and the answers to the other side's requests.

Each thread that talks has a channel of its own, so that a thread which waits never holds up another. On a channel the
sides take turns, and a request may come in the middle of another one's answer: a callback.

    {"q": number, "op": ..., ...}             a request
    {"r": number, "v": value | "e": error}    its answer
    "o": whether a value that cannot change was given before; with answers of the solution
    "c": [clock ahead in ns, busy]  "p": within a message that is being read  "u", "h": see news.py    with each of them
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any

from green_logic.evaluation.isolation.clock import VirtualClock
from green_logic.evaluation.isolation.split.channels import Channel, Reading
from green_logic.evaluation.isolation.split.mirrors import Mirrors
from green_logic.evaluation.isolation.split.values import Codec, check_list, check_number
from green_logic.evaluation.isolation.split.wire import LostError, Message

MAX_AHEAD_NS = 1 << 62


class Peer(Codec):
    """What both sides have in common."""

    def __init__(self, clock: VirtualClock, parity: int) -> None:
        self.clock = clock
        self.mirrors = Mirrors(self, parity)
        self.calls = 0
        self.channels: weakref.WeakSet[Channel] = weakref.WeakSet()  # of all threads; that of an ended one is gone
        self._local = threading.local()
        self.reading = Reading()
        self._elsewhere = False  # the other side has threads or children, so that its time is real
        clock.is_watched_elsewhere = lambda: self._elsewhere
        clock.catch_up = self._catch_up
        self.take_asides: Callable[[], list[list[Any]]] = list  # what to tell beside what both sides hold

    def channel(self) -> Channel:
        """The calling thread's channel."""
        own: Channel | None = getattr(self._local, "channel", None)
        if own is None or own.is_closed:
            own = self._local.channel = self.open_channel()
        return own

    def adopt(self, channel: Channel) -> None:
        """Let the calling thread talk on `channel`."""
        self._local.channel = channel

    def request(self, op: str, number: int, name: str = "", /, *arguments: Any, **named: Any) -> Any:
        """Ask on the calling thread's channel for `op` on object `number` of the other side."""
        self.calls += 1

        def make() -> Message:
            encoded = [self.encode_argument(value) for value in arguments]
            return {
                "op": op,
                "i": number,
                "n": name,
                "a": encoded,
                "k": {key: self.encode_argument(value) for key, value in named.items()},
            }

        return self.read_answer(self.channel().ask(make))

    def encode_argument(self, value: Any) -> Any:
        """JSON for a value that is handed to the other side as such, not within another."""
        return self.encode(value)

    def encode_outcome(self, outcome: Any, *, failed: bool) -> Message:
        """How a message tells a value, or an exception if it `failed`."""
        return {"e": self.describe_error(outcome)} if failed else {"v": self.encode(outcome)}

    def read_answer(self, message: Message) -> Any:
        """The value of an answer. Raises the exception that it is, or LostError."""
        with self.reading:
            if "e" in message:
                raise self.restore_error(message["e"])
            return self.decode(message.get("v"))

    def collect_news(self, *, keep: bool) -> None:
        """Make news of what has changed here; of what is dropped only unless `keep`. Raises OversizeError."""
        for entry in self.take_asides():
            self.mirrors.news.add(entry)
        # the number of threads over there is what it was, or one of them will say so
        self.mirrors.collect(keep=keep or len(self.channels) > 1 or self._elsewhere)

    def take_news(self, message: Message) -> None:
        """Take in what a message says beside itself. Raises LostError."""
        if "c" in message:
            ahead_ns, busy = check_list(message["c"])
            self._elsewhere = busy is True
            if not 0 <= check_number(ahead_ns) < MAX_AHEAD_NS:
                raise LostError("a clock out of range")
            self.clock.ahead_ns = max(self.clock.ahead_ns, ahead_ns)
        news = self.mirrors.news
        with news.lock:
            if "h" in message:
                news.confirm(message["h"])
            if "u" in message:
                news.take(message["u"], self.mirrors.announce)
        # without any as well: what the sender knows to be told may have come on another channel and be unused
        if "c" in message:
            news.use(self.read_news, self.use_news, may_wait="p" not in message)

    def say_asides(self) -> None:
        """Do what news ask for that may call anything. No message is being read."""

    def is_connected(self) -> bool:
        """Whether the calling thread can ask without more ado."""
        return getattr(self._local, "channel", None) is not None

    def _catch_up(self) -> None:
        """Ask for the news: a thread of the other side may have changed what a thread here waits for."""
        if self._elsewhere and self.is_connected():
            self.request("news", 0)

    def read_news(self, entry: list[Any]) -> Any:
        """What `use_news` needs of an entry; it may take the other side. Raises LostError."""
        return self.mirrors.read(entry)

    def use_news(self, entry: list[Any], content: Any) -> None:
        """Do what an entry of the other side's news says. Raises LostError."""
        self.mirrors.use(entry, content)

    def encode_container(self, value: Any, depth: int) -> Any:
        """By mirror."""
        return self.mirrors.encode(value, depth)

    def decode_container(self, data: list[Any], depth: int) -> Any:
        """By mirror."""
        return self.mirrors.decode(data, depth)

    def release(self) -> None:
        """An answer is sent: nothing needs to be kept for it any more."""

    def open_channel(self) -> Channel:
        """A new channel for the calling thread."""
        raise NotImplementedError

    def handle(self, message: Message) -> object:
        """Do what a request asks for. May raise anything."""
        raise NotImplementedError

    def describe_error(self, error: BaseException) -> Any:
        """JSON for an exception."""
        raise NotImplementedError

    def restore_error(self, data: Any) -> BaseException:
        """The exception that `describe_error` of the other side described. Raises LostError."""
        raise NotImplementedError
