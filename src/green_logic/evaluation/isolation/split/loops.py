"""Coroutines across processes: each event loop of the tests has a loop of its own in the solution's process.

Awaiting something of the other side starts a task in its loop; the end of the task comes back as a message that needs
no answer. A cancelled wait cancels the task over there and waits for what becomes of it, as in one process.

    {"s": number, "i": what}       start to await it      {"z": number}    cancel
    {"d": number, "v": value | "e": error}                it is done
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import types
import weakref
from collections.abc import Awaitable, Coroutine
from typing import TYPE_CHECKING, Any

from green_logic.evaluation.isolation.split.channels import Channel
from green_logic.evaluation.isolation.split.peer import Peer
from green_logic.evaluation.isolation.split.values import check_number
from green_logic.evaluation.isolation.split.wire import LostError, Message

if TYPE_CHECKING:
    from collections.abc import Callable

# a coroutine that goes back to the other side is awaited there
AWAITED_THERE = "coroutine 'Loops._wait' was never awaited"
re.compile(AWAITED_THERE, re.IGNORECASE)  # as `warnings` does, for every guest to find it done
MAX_PATIENCE = 50  # rounds of a loop that a request waits for the tasks before it to come to rest


class LoopChannel(Channel):
    """The channel of a thread that runs an event loop."""

    def __init__(
        self, peer: Peer, connection: Any, loop: asyncio.AbstractEventLoop, find: Callable[[Any], Any]
    ) -> None:
        super().__init__(peer, connection)
        self.loop = loop
        self._find = find
        self._waits: dict[int, asyncio.Future[Message]] = {}
        self._tasks: dict[int, asyncio.Task[Any]] = {}
        self._count = 0
        self._inbox: list[Message] = []
        self.end: Callable[[], None] = self.close
        self.keeper: Any = None  # what holds this channel open
        loop.add_reader(connection, self._read)

    def take(self, message: Message) -> None:
        """Whatever a message is, also in the middle of a request."""
        if "s" in message:
            self._start(check_number(message["s"]), message.get("i"))
        elif "z" in message:
            task = self._tasks.get(check_number(message["z"]))
            if task:
                task.cancel()
        elif "d" in message:
            wait = self._waits.pop(check_number(message["d"]), None)
            if wait and not wait.done():
                wait.set_result(message)
        else:
            super().take(message)

    async def wait_for(self, target: int) -> Any:
        """What awaiting `target` of the other side gives or raises."""
        self._count += 1
        number = self._count
        wait = self._waits[number] = self.loop.create_future()
        self.peer.calls += 1
        self.say(lambda: {"s": number, "i": target})
        while not wait.done():
            try:
                await asyncio.wait([wait])
            except asyncio.CancelledError:
                self.say(lambda: {"z": number})
        return self.peer.read_answer(wait.result())

    def close(self) -> None:
        """Stop listening as well."""
        if not self.is_closed:
            with contextlib.suppress(Exception):
                self.loop.remove_reader(self.connection)
        super().close()

    def _read(self) -> None:
        had = len(self._inbox)
        try:
            self._inbox.append(self.receive())
            while self.receiver.has_more:
                self._inbox.append(self.receive())
        except LostError:
            self.end()
            return
        if not had:
            self.loop.call_soon(self._next, 0)

    def _next(self, waited: int) -> None:
        """Take the oldest message, once the tasks that earlier ones started have come to rest."""
        if not self._inbox:
            return  # a request in between took them
        if waited < MAX_PATIENCE and getattr(self.loop, "_ready", None):
            self.loop.call_soon(self._next, waited + 1)
            return
        message = self._inbox.pop(0)
        try:
            self.take(message)
        except LostError:
            self.end()
            return
        if self._inbox:
            self.loop.call_soon(self._next, 0)

    def _await(self, number: int) -> Message:
        self._open.add(number)
        # what came before the answer has to be taken before it
        while self._inbox:
            self.take(self._inbox.pop(0))
        try:
            return super()._await(number)
        finally:
            if self.receiver.has_more:
                self.loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        """Take what came together with an answer: of that the connection tells the loop nothing."""
        if self.receiver.has_more and not self.is_closed:
            self._read()

    def _start(self, number: int, target: Any) -> None:
        task = self.loop.create_task(_await_it(self._find(target)))
        self._tasks[number] = task
        task.add_done_callback(lambda done: self._tell(number, done))

    def _tell(self, number: int, task: asyncio.Task[Any]) -> None:
        del self._tasks[number]
        if self.is_closed:
            return
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        with contextlib.suppress(LostError):
            self.tell({"d": number}, error or task.result(), failed=error is not None)


class Loops:
    """Which coroutines of this side stand for which of the other's."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._targets: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
        self._returned: list[Any] = []  # awaited over there; let go, they would warn that they never were

    def awaited(self, number: int) -> Coroutine[Any, Any, Any]:
        """A coroutine that awaits `number` of the other side."""
        made = self._wait(number)
        self._targets[made] = number
        return made

    def find_awaited(self, value: Any) -> int | None:
        """The number that `awaited` made `value` for."""
        # of nothing else: looking it up would hash it, which a class may do with the other side's objects
        number = self._targets.get(value) if type(value) is types.CoroutineType else None
        if number is not None:
            self._returned.append(value)
        return number

    async def _wait(self, number: int) -> Any:
        channel = self._peer.channel()
        if isinstance(channel, LoopChannel):
            return await channel.wait_for(number)
        return self._peer.request("run", number)  # a loop that the other side knows nothing of


async def _await_it(target: Awaitable[Any]) -> Any:
    return await target


def serve_loop(peer: Peer, connection: Any, find: Callable[[Any], Any]) -> None:
    """Run an event loop for one of the tests', on the solution's side, until that one ends."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    channel = LoopChannel(peer, connection, loop, find)
    channel.end = loop.stop
    peer.adopt(channel)
    try:
        loop.run_forever()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        channel.close()
        loop.run_until_complete(asyncio.sleep(0))
    finally:
        loop.close()
