"""One side's end of the conversation: channels, requests, and the answers to the other side's requests.

Each thread that talks has a channel of its own, so that a thread which waits never holds up another. On a channel the
sides take turns, and a request may come in the middle of another one's answer: a callback.

    {"q": number, "op": ..., ...}             a request
    {"r": number, "v": value | "e": error}    its answer
    "c": [clock ahead in ns, busy]  "p": within a message that is being read  "u", "h": see news.py    with each of them
"""

from __future__ import annotations

import socket
import threading
import weakref
from collections.abc import Callable
from typing import Any

from green_logic.evaluation.isolation.clock import VirtualClock
from green_logic.evaluation.isolation.split.mirrors import Mirrors
from green_logic.evaluation.isolation.split.values import Codec, check_list, check_number
from green_logic.evaluation.isolation.split.wire import LostError, Message, receive, send

MAX_AHEAD_NS = 1 << 62
MAX_ATTEMPTS = 10  # to tell an outcome: each large container that changed takes one
UNSAYABLE = (TypeError, ValueError, RecursionError)  # OversizeError is one


class _Reading(threading.local):
    """Whether the calling thread is in the middle of a message, and asks for what it needs to read on."""

    depth = 0

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1


class Channel:
    """A connection that one thread uses. Not thread-safe."""

    def __init__(self, peer: Peer, connection: socket.socket) -> None:
        self.peer = peer
        self.connection = connection
        self.is_closed = False
        self._sent = 0
        self._brought = 0  # the last serial of the news that it has brought the other side
        self._other_reads = False  # whether the other side has yet to read its last message to the end
        self._open: set[int] = set()  # requests without an answer
        self._early: dict[int, Message] = {}  # answers to requests that are not the innermost one
        peer.channels.add(self)

    def ask(self, make: Callable[[], Message]) -> Message:
        """The answer to the request that `make` encodes. Raises what `make` raises, and OversizeError."""
        self._sent += 1
        number = self._sent
        self.say(lambda: {"q": number, **make()})
        return self._await(number)

    def say(self, make: Callable[[], Message]) -> None:
        """Send the message that `make` encodes, with the news. Raises what `make` raises, and OversizeError."""
        peer = self.peer
        with peer.mirrors.lock:
            # what a half-read message refers to has no other reference yet
            peer.collect_news(keep=self._other_reads or peer.reading.depth > 0)
            mark = peer.mirrors.mark()
            try:
                message = make()
                message["c"] = [peer.clock.ahead_ns, peer.clock.is_busy()]
                if peer.reading.depth:
                    message["p"] = True
                frames, self._brought = peer.mirrors.news.pack(message, self._brought)
            except BaseException:
                peer.mirrors.forget_since(mark)
                raise
        send(self.connection, frames)

    def tell(self, head: Message, outcome: object, *, failed: bool, attempts: int = MAX_ATTEMPTS) -> None:
        """Send `head` with a value, or with an exception if it `failed`; if it cannot be sent, then with the reason."""
        try:
            self.say(lambda: {**head, **self.peer.encode_outcome(outcome, failed=failed)})
        except UNSAYABLE as error:
            if attempts == 1:
                raise
            self.tell(head, error, failed=True, attempts=attempts - 1)

    def serve(self) -> None:
        """Answer requests until the other side closes."""
        try:
            while True:
                self.take(self.receive())
        except LostError:
            self.close()

    def receive(self) -> Message:
        """The next message, its news taken in."""
        while True:
            message = receive(self.connection)
            with self.peer.reading:
                self.peer.take_news(message)
            if "c" in message:  # else it had nothing but news
                self._other_reads = "p" in message
                return message

    def take(self, message: Message) -> None:
        """Answer a request; keep an answer for whom it concerns."""
        if "q" in message:
            self._answer(message)
            return
        number = check_number(message.get("r"))
        if number not in self._open:
            raise LostError("an answer that nobody asked for")
        self._open.remove(number)
        self._early[number] = message

    def close(self) -> None:
        """Close the connection."""
        self.is_closed = True
        self.peer.channels.discard(self)
        self.connection.close()

    def _await(self, number: int) -> Message:
        self._open.add(number)
        while True:
            if number in self._early:
                return self._early.pop(number)
            self.take(self.receive())

    def _answer(self, message: Message) -> None:
        head: Message = {"r": check_number(message["q"])}
        try:
            outcome, failed = self.peer.handle(message), False
        except LostError:
            raise
        except BaseException as error:  # noqa: BLE001  the other side called, so it is told, whatever it was
            outcome, failed = error, True
        try:
            self.tell(head, outcome, failed=failed)
        finally:
            self.peer.release()


class Peer(Codec):
    """What both sides have in common."""

    def __init__(self, clock: VirtualClock, parity: int) -> None:
        self.clock = clock
        self.mirrors = Mirrors(self, parity)
        self.calls = 0
        self.channels: weakref.WeakSet[Channel] = weakref.WeakSet()  # of all threads; that of an ended one is gone
        self._local = threading.local()
        self.reading = _Reading()
        self._elsewhere = False  # the other side has threads or children, so that its time is real
        clock.is_watched_elsewhere = lambda: self._elsewhere
        clock.catch_up = self._catch_up
        self.take_output: Callable[[], list[list[str]]] = list

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
        for stream, text in self.take_output():
            self.mirrors.news.add(["o", stream, text])
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
        with self.mirrors.lock:
            if "h" in message:
                self.mirrors.news.confirm(message["h"])
            if "u" in message:
                self.mirrors.news.take(message["u"], self.mirrors.announce, self.use_news)

    def is_connected(self) -> bool:
        """Whether the calling thread can ask without more ado."""
        return getattr(self._local, "channel", None) is not None

    def _catch_up(self) -> None:
        """Ask for the news: a thread of the other side may have changed what a thread here waits for."""
        if self._elsewhere and self.is_connected():
            self.request("news", 0)

    def use_news(self, entry: list[Any]) -> None:
        """Do what an entry of the other side's news says. Raises LostError."""
        self.mirrors.use(entry)

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
