"""Channels: each thread that talks has a connection of its own, on which the sides take turns."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from green_logic.evaluation.isolation.split.values import check_number
from green_logic.evaluation.isolation.split.wire import LostError, Message, Receiver, send

if TYPE_CHECKING:
    from green_logic.evaluation.isolation.split.peer import Peer

MAX_ATTEMPTS = 10  # to tell an outcome: each large container that changed takes one
UNSAYABLE = (TypeError, ValueError, RecursionError)  # OversizeError is one


class Reading(threading.local):
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
        self.receiver = Receiver(connection)
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
            message = self.receiver.receive()
            with self.peer.reading:
                self.peer.take_news(message)
            if not self.peer.reading.depth:
                self.peer.say_asides()
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

    def __del__(self) -> None:
        """With a thread its channel ends: unclosed, the socket would warn, and a test may listen."""
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
