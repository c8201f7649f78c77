"""One side's end of the conversation: channels, requests, and the answers to the other side's requests.

Each thread that talks has a channel of its own, so that a thread which waits never holds up another. On a channel the
sides take turns, and a request may come in the middle of another one's answer: a callback.

    {"q": number, "op": ..., ...}             a request
    {"r": number, "v": value | "e": error}    its answer
    "c": [clock ahead in ns, busy]  "u", "x": changed and dropped containers  "o": printed text    with each of them
"""

from __future__ import annotations

import socket
import threading
import weakref
from collections.abc import Callable
from typing import Any

from green_logic.evaluation.isolation.clock import VirtualClock
from green_logic.evaluation.isolation.split.mirrors import Mirrors
from green_logic.evaluation.isolation.split.values import Codec, check_number
from green_logic.evaluation.isolation.split.wire import LostError, Message, OversizeError, receive, send

MAX_AHEAD_NS = 1 << 62


class Channel:
    """A connection that one thread uses. Not thread-safe."""

    def __init__(self, peer: Peer, connection: socket.socket) -> None:
        self.peer = peer
        self.connection = connection
        self.is_closed = False
        self._sent = 0
        self._open: set[int] = set()  # requests without an answer
        self._early: dict[int, Message] = {}  # answers to requests that are not the innermost one
        peer.channels.add(self)

    def ask(self, message: Message, news: Message, mark: int) -> Message:
        """The answer to a request. Raises OversizeError; then what was encoded since `mark` is forgotten."""
        self._sent += 1
        number = self._sent
        try:
            self.say({"q": number, **message}, news)
        except OversizeError:
            self.peer.mirrors.forget_since(mark)
            raise
        return self._await(number)

    def say(self, message: Message, news: Message | None = None) -> None:
        """Send a message with `news`, which are those of this moment unless they were collected before."""
        news = news or self.peer.collect_news()
        try:
            send(self.connection, {**message, **news})
        except OversizeError:
            self.peer.keep_news(news)
            raise

    def serve(self) -> None:
        """Answer requests until the other side closes."""
        try:
            while True:
                self.take(self.receive())
        except LostError:
            self.close()

    def receive(self) -> Message:
        """The next message, its news taken in."""
        message = receive(self.connection)
        self.peer.take_news(message)
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
        number = check_number(message["q"])
        mark = self.peer.mirrors.mark()
        answer, news = self.peer.answer(message)
        try:
            self.say({"r": number, **answer}, news)
        except OversizeError as error:
            self.peer.mirrors.forget_since(mark)
            self.say({"r": number, "e": self.peer.describe_error(error)})
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
        self._kept_news: Message = {}
        self._elsewhere = False  # the other side has threads or children, so that its time is real
        clock.is_watched_elsewhere = lambda: self._elsewhere
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
        channel = self.channel()
        mark = self.mirrors.mark()
        # before the arguments are encoded: what is new in them is no news
        news = self.collect_news()
        try:
            message: Message = {
                "op": op,
                "i": number,
                "n": name,
                "a": [self.encode_argument(value) for value in arguments],
            }
            message["k"] = {key: self.encode_argument(value) for key, value in named.items()}
        except (TypeError, ValueError, RecursionError):
            self.mirrors.forget_since(mark)
            self.keep_news(news)
            raise
        answered = channel.ask(message, news, mark)
        return self.read_answer(answered)

    def encode_argument(self, value: Any) -> Any:
        """JSON for a value that is handed to the other side as such, not within another."""
        return self.encode(value)

    def answer(self, message: Message) -> tuple[Message, Message]:
        """What this side answers to a request, without its number, and the news of that moment."""
        try:
            value = self.handle(message)
        except LostError:
            raise
        except BaseException as error:  # noqa: BLE001  the other side called, so it is told, whatever it was
            news = self.collect_news()
            return {"e": self.describe_error(error)}, news
        news = self.collect_news()
        return self.encode_answer(value), news

    def encode_answer(self, value: object) -> Message:
        """The answer that is `value`, or the exception that keeps it from being sent."""
        mark = self.mirrors.mark()
        try:
            return {"v": self.encode(value)}
        except (TypeError, ValueError, RecursionError) as error:
            self.mirrors.forget_since(mark)
            return {"e": self.describe_error(error)}

    def read_answer(self, message: Message) -> Any:
        """The value of an answer. Raises the exception that it is, or LostError."""
        if "e" in message:
            error = self.restore_error(message["e"])
            self.mirrors.settle()
            raise error
        value = self.decode(message.get("v"))
        self.mirrors.settle()
        return value

    def collect_news(self) -> Message:
        """What every message says beside itself."""
        news = self.mirrors.collect(keep=len(self.channels) > 1)
        for name, kept in self._kept_news.items():
            news[name] = kept + news.get(name, [])
        self._kept_news = {}
        news["c"] = [self.clock.ahead_ns, self.clock.is_busy()]
        if output := self.take_output():
            news["o"] = output
        return news

    def keep_news(self, news: Message) -> None:
        """The message that was to bring them could not be sent: the next one will."""
        for name in news.keys() & {"u", "x", "o"}:
            self._kept_news[name] = self._kept_news.get(name, []) + news[name]

    def take_news(self, message: Message) -> None:
        """Take in what `collect_news` of the other side said. Raises LostError."""
        ahead_ns, busy = message.get("c", (0, False))
        self._elsewhere = busy is True
        if not 0 <= check_number(ahead_ns) < MAX_AHEAD_NS:
            raise LostError("a clock out of range")
        self.clock.ahead_ns = max(self.clock.ahead_ns, ahead_ns)
        self.mirrors.apply(message)

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
