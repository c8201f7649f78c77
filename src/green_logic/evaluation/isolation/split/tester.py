"""The tests' side (T): trusts nothing that the solution's side says.

What S may do here: answer, call what a test handed over, look at objects whose class the tests define (or which are
made for sharing, such as an Event), set data on them, change containers that both sides hold, and print, warn and log
for tests that listen. Everything else is refused. `handing` and `setting` say what exactly.
"""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import functools
import inspect
import json
import os
import socket
import threading
import types
import weakref
from collections.abc import AsyncIterator, Callable, Collection
from typing import Any

from green_logic.evaluation.isolation.clock import VirtualClock
from green_logic.evaluation.isolation.split.channels import Channel
from green_logic.evaluation.isolation.split.errors import restore_error, tell_error
from green_logic.evaluation.isolation.split.handed_objects import HandedObjects, plain_base
from green_logic.evaluation.isolation.split.handing import VIEWS, find_action
from green_logic.evaluation.isolation.split.handing_classes import name_class
from green_logic.evaluation.isolation.split.listening import Listening
from green_logic.evaluation.isolation.split.loops import LoopChannel, Loops
from green_logic.evaluation.isolation.split.mirrors import is_plain
from green_logic.evaluation.isolation.split.peer import Peer
from green_logic.evaluation.isolation.split.proxies import RemoteMethod, RemoteModule, is_remote, number_of
from green_logic.evaluation.isolation.split.proxy_classes import recognise_enums
from green_logic.evaluation.isolation.split.proxy_objects import Proxies
from green_logic.evaluation.isolation.split.solution import LANE, LANE_WANTED, LOOP, SPOKEN
from green_logic.evaluation.isolation.split.standard_names import find_standard_class
from green_logic.evaluation.isolation.split.values import check_list, check_number, check_text, is_harmless
from green_logic.evaluation.isolation.split.wire import LostError, Message, send_descriptor

UNCHANGING = frozenset({str, int, float, bytes, tuple, frozenset})
UNCHANGING_TAGS = (["t"], ["b"], ["F"], ["i"])
MAX_REMEMBERED = 10_000
MAX_KEY = 2_000  # characters of what the solution gives again
MAX_LANES = 128
PATIENCE_S = 0.25  # for the supervisor to end us once the solution is gone


class TestsPeer(Peer):
    """T's end of the conversation.

    `names`, `places`: as `needs.Needs`. `captures`: what the tests listen to. `give_up`: called when S is lost.
    """

    __test__ = False

    def __init__(
        self,
        control: socket.socket,
        clock: VirtualClock,
        *,
        names: frozenset[str],
        places: frozenset[str],
        captures: Collection[str],
        give_up: Callable[[str], None],
    ) -> None:
        super().__init__(clock, parity=2)
        self.names, self.places = names, places
        self.placed: dict[int, set[type]] = {}  # descriptors of the solution, and the classes that have them
        self._control = control
        self._give_up = give_up
        self.handed = HandedObjects(self)
        self.proxies = Proxies(self)
        self._loop_channels: weakref.WeakKeyDictionary[Any, LoopChannel] = weakref.WeakKeyDictionary()
        self._sent: dict[str, Any] = {}
        self._told: dict[str, Any] = {}
        self._readers: dict[object, Callable[[list[Any]], Any]] = {
            "r": self.proxies.read,
            "w": self.proxies.read,
            "k": lambda data: self.proxies.class_of(check_number(data[1])),
            "a": lambda data: self.loops.awaited(check_number(data[1])),
            "h": lambda data: self.handed.find(data[1]),
            "A": self.handed.find_method,
            "g": self._decode_standard,
            "E": lambda data: self.restore_error(data[1]),
            "L": lambda data: self._listening.find_logger(data[1]),
        }
        self._lanes = 0
        self._listening = Listening(self, captures)
        if captures:
            self.take_asides = self._listening.changes
        self.loops = Loops(self)

    def start(self) -> str:
        """Wait until the solution is loaded. Returns why it could not be; empty if it is. Raises LostError."""
        channel = self.channel()
        word = channel.receiver.receive()
        if "failure" in word:
            return check_text(word["failure"]) or "failed"
        recognise_enums()
        _thread.start_new_thread(self._serve_lanes, ())
        return ""

    def request(self, op: str, number: int, name: str = "", /, *arguments: Any, **named: Any) -> Any:
        """Ask S. When it is lost, this process is, too."""
        try:
            return super().request(op, number, name, *arguments, **named)
        except LostError as error:
            self.lose(str(error))
            raise

    def encode_argument(self, value: Any) -> Any:
        """JSON for an argument. What cannot change is remembered: if it comes back, it is the same object."""
        data = self.encode(value)
        if type(value) in UNCHANGING and len(self._sent) < MAX_REMEMBERED:
            self._sent[json.dumps(data)] = value
        return data

    def read_answer(self, message: Message) -> Any:
        """As every side does. Raises as well what was raised when the tests heard what the solution said meanwhile."""
        try:
            answer = self._read_answer(message)
        except LostError:
            raise
        except BaseException:
            self._hear()
            raise
        self._hear()
        return answer

    def _hear(self) -> None:
        if not self.reading.depth:
            self._listening.say()
            self._listening.check()

    def _read_answer(self, message: Message) -> Any:
        data = message.get("v")
        if type(data) not in {str, int, float} and (type(data) is not list or data[:1] not in UNCHANGING_TAGS):
            return super().read_answer(message)
        key = json.dumps(data)
        known = self._sent.get(key)
        if known is None and message.get("o"):
            known = self._told.get(key)
        if known is not None:
            return known
        value = super().read_answer(message)
        if "o" in message and len(key) < MAX_KEY and len(self._told) < MAX_REMEMBERED:
            self._told[key] = value
        return value

    def encode_outcome(self, outcome: Any, *, failed: bool) -> Message:
        """As every side does; what a callback gives is remembered as arguments are."""
        if failed or not is_plain(outcome):
            return super().encode_outcome(outcome, failed=failed)
        return {"v": self.encode_argument(outcome)}

    def lose(self, reason: str) -> None:
        """Say that S is lost, and wait to be ended, so that no test's outcome depends on who was faster."""
        self._give_up(reason)
        self.clock.real_sleep(PATIENCE_S)
        os._exit(0)

    def open_channel(self) -> Channel:
        """A connection for the calling thread, or for its event loop."""
        ours, theirs = socket.socketpair()
        loop = asyncio._get_running_loop()
        with theirs:
            send_descriptor(self._control, SPOKEN if loop is None else LOOP, theirs.fileno())
        if loop is None:
            return Channel(self, ours)
        channel = LoopChannel(self, ours, loop, self._find_awaitable)
        channel.end = lambda: self.lose("it closed the channel of an event loop")
        return channel

    def channel(self) -> Channel:
        """The calling thread's; within an event loop, the loop's."""
        loop = asyncio._get_running_loop()
        if loop is None:
            return super().channel()
        channel = self._loop_channels.get(loop)
        if channel is None:
            new = self.open_channel()
            assert isinstance(new, LoopChannel)  # noqa: S101  for the type checker: there is a loop
            channel = self._loop_channels[loop] = new
            channel.keeper = _keep_open(channel)
            with contextlib.suppress(StopIteration):
                channel.keeper.__anext__().send(None)
        return channel

    def is_connected(self) -> bool:
        """A thread of the tests always is: it opens a channel when it first talks."""
        return True

    # --- what the proxies ask for

    def get(self, number: int, name: str) -> Any:
        """An attribute."""
        return self.request("get", number, name)

    def content(self, proxy: Any) -> Any:
        """A plain copy of what a container of the solution's holds now."""
        return self.request("content", number_of(proxy))

    def wait_for(self, number: int) -> Any:
        """A coroutine that awaits an object of the solution."""
        return self.loops.awaited(number)

    # --- what S asks for

    def handle(self, message: Message) -> object:
        """Do what S asks for, if it may."""
        op = message.get("op")
        if op == "news":
            return None
        target = self.handed.find(message.get("i"))
        if op in VIEWS:
            return VIEWS[op](self, target)
        if op == "run" and inspect.isawaitable(target):
            return asyncio.run(_await_it(target))
        do = find_action(op, target, check_text(message.get("n")))
        with self.reading:
            arguments = [self.decode(value) for value in check_list(message.get("a", []))]
            named = {check_text(name): self.decode(value) for name, value in dict(message.get("k", {})).items()}
        return do(*arguments, **named)

    def read_news(self, entry: list[Any]) -> Any:
        """As every side does, and what the solution says beside its answers."""
        return self._listening.read(entry) or super().read_news(entry)

    def use_news(self, entry: list[Any], content: Any) -> None:
        """As every side does, and say again what the solution said."""
        if isinstance(content, functools.partial):
            self._listening.hear(content)
        else:
            super().use_news(entry, content)

    def say_asides(self) -> None:
        """Say again what the solution said."""
        self._listening.say()

    # --- values

    def encode_other(self, value: Any, depth: int) -> Any:
        """References to what is the solution's, and to what a test hands over."""
        if isinstance(value, RemoteMethod):
            return value.path
        own = self._find_own(value)
        if own is not None:
            return ["r", own]
        if isinstance(value, type) and (named := name_class(value)):
            return named
        if isinstance(value, types.TracebackType):
            return None  # for __exit__: nobody needs more of it than that it is no value
        if isinstance(value, BaseException):
            return ["E", self.describe_error(value)]
        plain = plain_base(value)
        return self.encode(plain, depth) if plain is not None else self._hand_over(value)

    def _find_own(self, value: Any) -> int | None:
        """The number of what is the solution's."""
        if isinstance(value, RemoteModule):
            return 0
        return number_of(value) if is_remote(value) else self.loops.find_awaited(value)

    def _hand_over(self, value: Any) -> Any:
        if isinstance(value, types.ModuleType):
            return ["M", value.__name__]
        return self._listening.name(value) or self.handed.tell(value)

    def decode_other(self, data: list[Any], depth: int) -> Any:
        """What S refers to. Raises LostError for what cannot be."""
        read = self._readers.get(data[0])
        if read is None:
            raise LostError("an unknown tag")
        return read(data)

    def _decode_standard(self, data: list[Any]) -> type:
        found = find_standard_class(check_text(data[1]), check_text(data[2]))
        if found is None or not is_harmless(found):
            raise LostError("a class of the standard library that the tests did not load, or do not take")
        return found

    def decode_builtin(self, name: Any) -> Any:
        """Types only."""
        found = super().decode_builtin(name)
        if not is_harmless(found):
            raise LostError("a builtin that the tests do not take")
        return found

    def describe_error(self, error: BaseException) -> Any:
        """An exception for S: its own, or a builtin base and the text; of a test's verdict not even that."""
        return tell_error(self, error)

    def restore_error(self, data: Any) -> BaseException:
        """What the solution raised. Raises LostError if that is no exception."""
        return restore_error(self, data)

    # --- threads

    def _serve_lanes(self) -> None:
        """Give the solution's own threads a connection each, when it asks for one."""
        while self._control.recv(1) == LANE_WANTED and self._lanes < MAX_LANES:
            self._lanes += 1
            ours, theirs = socket.socketpair()
            with theirs, contextlib.suppress(LostError):
                send_descriptor(self._control, LANE, theirs.fileno())
            threading.Thread(target=self._serve_lane, args=(ours,), daemon=True).start()

    def _serve_lane(self, connection: socket.socket) -> None:
        channel = Channel(self, connection)
        self.adopt(channel)
        channel.serve()

    def _find_awaitable(self, number: Any) -> Any:
        found = self.handed.find(number)
        if not inspect.isawaitable(found):
            raise LostError("something to await that cannot be")
        return found


async def _await_it(target: Any) -> Any:
    return await target


async def _keep_open(channel: LoopChannel) -> AsyncIterator[None]:
    """A generator that the event loop closes when it ends, and the channel with it."""
    try:
        yield
    finally:
        channel.close()
