"""The solution's side (S): loads the solution, then does what the tests ask for. Nothing here is trusted by T."""

from __future__ import annotations

import _thread
import contextlib
import copy
import importlib
import json
import logging
import os
import socket
import threading
import types
from collections.abc import Callable, Collection
from typing import Any

from green_logic.evaluation.isolation.clock import VirtualClock
from green_logic.evaluation.isolation.guest import describe
from green_logic.evaluation.isolation.split import describing
from green_logic.evaluation.isolation.split.asides import TUNINGS, Asides
from green_logic.evaluation.isolation.split.channels import Channel
from green_logic.evaluation.isolation.split.handed import (
    HANDED_CLASS,
    HANDED_ERROR,
    NUMBER,
    StandIn,
    find_forwarded,
    make_error_class,
    make_handed_error,
)
from green_logic.evaluation.isolation.split.handed_classes import HandedMeta
from green_logic.evaluation.isolation.split.handed_members import Attributes, bind_method, refer_to_method
from green_logic.evaluation.isolation.split.loops import Loops, serve_loop
from green_logic.evaluation.isolation.split.mirrors import is_plain
from green_logic.evaluation.isolation.split.peer import Peer
from green_logic.evaluation.isolation.split.stand_ins import StandIns
from green_logic.evaluation.isolation.split.standard_names import find_standard_class, name_standard_class
from green_logic.evaluation.isolation.split.values import find_builtin, is_harmless
from green_logic.evaluation.isolation.split.wire import LostError, Message, frame, receive_descriptor, send, to_json

SPOKEN, LOOP, LANE = b"c", b"l", b"b"  # what a descriptor from the tests is for
LANE_WANTED = b"n"
MAX_REMEMBERED = 10_000


class SolutionPeer(Peer):
    """S's end of the conversation."""

    def __init__(self, control: socket.socket, clock: VirtualClock, root: types.ModuleType) -> None:
        super().__init__(clock, parity=1)
        self._control = control
        self._exported: list[Any] = [root]
        self._numbers: dict[int, int] = {id(root): 0}
        self.stand_ins = StandIns(self)
        self._told: dict[int, Any] = {}
        self._lock = threading.RLock()
        self._lanes: list[socket.socket] = []
        self._lane_came = threading.Condition(threading.Lock())
        self._loggers: set[str] = set()  # names of those that the tests have handed over
        self._asides: Asides | None = None
        self.loops = Loops(self)

    def export(self, value: object) -> int:
        """The number by which the tests name `value` from now on."""
        with self._lock:
            number = self._numbers.get(id(value))
            if number is None:
                number = self._numbers[id(value)] = len(self._exported)
                self._exported.append(value)
            return number

    def exported(self, number: Any) -> Any:
        """What `export` gave a number to."""
        return self._exported[number]

    def awaited(self, number: int) -> Any:
        """A coroutine that waits for an awaitable of the tests."""
        return self.loops.awaited(number)

    def open_channel(self) -> Channel:
        """A lane for a thread of the solution's own; the tests make it."""
        with self._lane_came:
            self._control.sendall(LANE_WANTED)
            while not self._lanes:
                self._lane_came.wait()
            return Channel(self, self._lanes.pop())

    def serve_control(self) -> None:
        """Take channels from the tests until they end, and the process with them."""
        with contextlib.suppress(LostError):
            while True:
                tag, connection = receive_descriptor(self._control)
                if tag == LANE:
                    with self._lane_came:
                        self._lanes.append(connection)
                        self._lane_came.notify()
                else:
                    threading.Thread(target=self._serve_thread, args=(connection, tag == LOOP), daemon=True).start()
        os._exit(0)

    def _serve_thread(self, connection: socket.socket, has_loop: bool) -> None:
        if has_loop:
            serve_loop(self, connection, self.exported)
            return
        channel = Channel(self, connection)
        self.adopt(channel)
        channel.serve()

    def listen(self, captures: Collection[str]) -> None:
        """Tell the tests from now on what the solution says beside its answers."""
        self._asides = Asides(self, captures)
        self.take_asides = self._asides.take

    def read_news(self, entry: list[Any]) -> Any:
        """As every side does; what the tests listen with can be used as it is."""
        return None if entry[0] in TUNINGS else super().read_news(entry)

    def use_news(self, entry: list[Any], content: Any) -> None:
        """As every side does, and follow what the tests listen with."""
        if self._asides and entry[0] in TUNINGS:
            self._asides.tune(entry)
        else:
            super().use_news(entry, content)

    def handle(self, message: Message) -> object:
        """Do what the tests ask."""
        target = self._exported[message["i"]]
        with self.reading:
            arguments = [self.decode(value) for value in message["a"]]
            named = {name: self.decode(value) for name, value in message["k"].items()}
        op, name = message["op"], message["n"]
        try:
            if op == "class":
                # text, for a dict would be mirrored
                return json.dumps(describing.describe_class(self, target))
            if op in {"call", "method"}:
                function = target if op == "call" else getattr(target, name)
                return function(*arguments, **named)
            return OPERATIONS[op](target, name, *arguments)
        finally:
            # they live until the answer is sent, so that what the call changed in them is told
            self._local.arguments = (arguments, named)

    def release(self) -> None:
        """The answer is sent."""
        self._local.arguments = None

    def encode_outcome(self, outcome: Any, *, failed: bool) -> Message:
        """As every side does, and whether the tests have had this very object before: they may ask for identity."""
        message = super().encode_outcome(outcome, failed=failed)
        if not failed and is_plain(outcome):
            is_old = self._told.get(id(outcome)) is outcome
            if is_old or len(self._told) < MAX_REMEMBERED:
                message["o"], self._told[id(outcome)] = is_old, outcome
        return message

    def may_name(self, value: object) -> bool:
        """Functions stay here: the tests' process runs none for the solution."""
        return is_harmless(value)

    def encode_other(self, value: Any, depth: int) -> Any:
        """References to what is the solution's, and to what is the tests'."""
        if handed := self._refer_to_handed(value):
            return handed
        if isinstance(value, type):
            standard = name_standard_class(value) if is_harmless(value) else None
            return ["g", *standard] if standard else ["k", self.export(value)]
        if isinstance(value, BaseException):
            return ["E", describing.describe_error(self, value)]
        number, class_number = self.export(value), self.export(type(value))
        if describing.is_awaitable(value):
            return ["a", number]
        if isinstance(value, describing.VALUE_BASES):
            return ["w", number, class_number, self.encode(describing.plain_value(value), depth)]
        return ["r", number, class_number]

    def _refer_to_handed(self, value: Any) -> Any:
        """How a message names what is a test's own."""
        if isinstance(value, logging.Logger) and value.name in self._loggers:
            return ["L", value.name]
        number = self._find_number(value)
        if number is not None:
            return ["h", number]
        return self.encode(dict(value)) if type(value) is Attributes else refer_to_method(value)

    def _find_number(self, value: Any) -> int | None:
        if isinstance(value, types.FunctionType):
            value = find_forwarded(value)
        if isinstance(value, StandIn) or isinstance(type(value), HandedMeta):
            return getattr(value, NUMBER, None)
        if isinstance(value, type):
            return vars(value).get(HANDED_CLASS)
        return vars(value).get(HANDED_ERROR) if isinstance(value, BaseException) else self.loops.find_awaited(value)

    def decode_other(self, data: list[Any], depth: int) -> Any:
        """What the tests refer to."""
        tag, subject = data[0], data[1]
        if tag in {"r", "A"}:
            return self._exported[subject] if tag == "r" else getattr(self._exported[subject], data[2])
        if tag == "h":
            return self.stand_ins.find(data)
        if tag in {"o", "a"}:
            return bind_method(self.decode(subject), data[2]) if tag == "o" else self.loops.awaited(subject)
        if tag in {"L", "R"}:
            return self._find_logger(subject) if tag == "L" else logging.makeLogRecord(self.decode(subject))
        if tag in {"g", "M"}:
            module = importlib.import_module(subject)
            return module if tag == "M" else find_standard_class(subject, data[2])
        return self.restore_error(subject)

    def _find_logger(self, name: str) -> logging.Logger:
        self._loggers.add(name)
        return logging.getLogger(name)

    def describe_error(self, error: BaseException) -> Any:
        """As `describing` does."""
        return describing.describe_error(self, error)

    def restore_error(self, data: Any) -> BaseException:
        """What a callback raised: the solution's own exception, or a stand-in with the same builtin base."""
        if data["own"] is not None:
            own = self._exported[data["own"]]
            if isinstance(own, BaseException):
                return own
        base = find_builtin(data["base"])
        if data["standard"]:
            importlib.import_module(data["standard"][0])
            base = find_standard_class(*data["standard"]) or base
        arguments = tuple(self.decode(argument) for argument in data["args"])
        kind = self.decode(data["class"]) if data["class"] else make_error_class(base, data["name"])
        return make_handed_error(kind, data["number"], data["text"], arguments)


def _apply(target: Any, name: str, *arguments: Any) -> object:
    """A special method, as the interpreter would call it."""
    if name == "__getitem__":
        return target[arguments[0]]  # a class may have __class_getitem__ instead
    if name in COPIES:
        return COPIES[name](target)
    return getattr(type(target), name)(target, *arguments)


COPIES: dict[str, Callable[[Any], Any]] = {"__copy__": copy.copy, "__deepcopy__": copy.deepcopy}
# what the tests' side may ask of an object: target, name, arguments
OPERATIONS: dict[str, Callable[..., object]] = {
    "op": _apply,
    "get": getattr,
    "set": setattr,
    "del": delattr,
    "own": lambda target, name: vars(target)[name],
    "owned": lambda target, _: list(vars(target)),
    "dir": lambda target, _: [name for name in dir(target) if isinstance(name, str)],
    "names": lambda target, _: list(getattr(target, "__all__", [name for name in vars(target) if name[:1] != "_"])),
    "content": lambda target, _: describing.plain_content(target),
    "isinstance": lambda target, _, value: isinstance(value, target),
    "issubclass": lambda target, _, value: issubclass(value, target),
    "news": lambda *_: None,
}


def serve_solution(control: socket.socket, load: Any, clock: VirtualClock, *, captures: Collection[str]) -> None:
    """Load the solution by `load`, tell how that went, and serve. Returns only when the tests are gone.

    `captures`: what the tests listen to of what it says beside its answers.
    """
    try:
        _, first = receive_descriptor(control)
    except LostError:
        return
    try:
        root = load()
    except BaseException as error:  # noqa: BLE001  whatever hostile code raises, SystemExit included, is its result
        send(first, frame(to_json({"failure": describe(error)})))
        first.recv(1)  # our end before the tests' would look like a crash
        return
    peer = SolutionPeer(control, clock, root)
    if captures:
        peer.listen(captures)
    _thread.start_new_thread(peer.serve_control, ())  # not counted by threading.active_count
    channel = Channel(peer, first)
    peer.adopt(channel)
    send(first, frame(to_json({"ready": True})))
    channel.serve()
    _thread.allocate_lock().acquire()
