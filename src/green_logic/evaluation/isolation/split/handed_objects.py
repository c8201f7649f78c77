"""All that the tests have handed over, by the numbers that the solution knows, and how a message tells each."""

from __future__ import annotations

import inspect
import logging
import threading
import types
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from green_logic.evaluation.isolation.split.describing import PLAIN_VALUES, VALUE_BASES
from green_logic.evaluation.isolation.split.handed import CLASS, OBJECT
from green_logic.evaluation.isolation.split.handing import describe_handed
from green_logic.evaluation.isolation.split.handing_classes import (
    find_public_method,
    held_value,
    is_described,
    is_of_tests,
)
from green_logic.evaluation.isolation.split.values import STANDARD, check_number, check_text
from green_logic.evaluation.isolation.split.wire import LostError

if TYPE_CHECKING:
    from green_logic.evaluation.isolation.split.tester import TestsPeer

MAX_HANDED = 100_000  # beyond it what carries a value goes by that alone


class HandedObjects:
    """The tests' side of what `StandIns` is on the other: an object for each number."""

    def __init__(self, peer: TestsPeer) -> None:
        self._peer = peer
        self._objects: list[Any] = []
        self._numbers: dict[tuple[int, ...], int] = {}
        self._lock = threading.RLock()

    def number_of(self, value: Any) -> int:
        """The number by which S names an object of the tests from now on."""
        with self._lock:
            key = _identify(value)
            number = self._numbers.get(key)
            if number is None:
                if len(self._objects) >= MAX_HANDED:
                    raise ValueError("too many objects handed over")
                number = self._numbers[key] = len(self._objects)
                self._objects.append(value)
            return number

    def find(self, number: object) -> Any:
        """What a number stands for. Raises LostError if there is none of it."""
        if not 0 <= check_number(number) < len(self._objects):
            raise LostError("an object that no test handed over")
        return self._objects[check_number(number)]

    def find_method(self, data: list[Any]) -> Any:
        """The method that `["A", number, name]` names. Raises LostError if it is none of a test's object."""
        method = find_public_method(self.find(data[1]), check_text(data[2]))
        if method is None:
            raise LostError("a method that is none of a test's object")
        return method

    def refer(self, kind: Any) -> Any:
        """A class as a description of another one has it: the number of one that is described itself."""
        return self.number_of(kind) if isinstance(kind, type) and is_described(kind) else kind

    def tell(self, value: Any) -> Any:
        """JSON for what a test hands over."""
        if isinstance(value, (types.FrameType, types.CodeType)):
            raise TypeError(f"a {type(value).__name__} is not handed to a solution")
        if self._is_method_of_known(value):
            return ["o", self._peer.encode(value.__self__), value.__name__]
        if is_of_tests(type(value)) and not issubclass(type(value), logging.Handler):
            return self._tell_object(value)
        number = self.number_of(value)
        if inspect.iscoroutine(value):
            return ["a", number]
        is_class = isinstance(value, type) and is_described(value)
        return ["h", number, CLASS] if is_class else ["h", number, *describe_handed(self._peer, value)]

    def _tell_object(self, value: Any) -> Any:
        """One of a test's class, with the builtin value that it carries, if it does."""
        held = held_value(value)
        if held is not None and len(self._objects) >= MAX_HANDED:
            return self._peer.encode(held)
        number, class_number = self.number_of(value), self.number_of(type(value))
        return ["h", number, OBJECT, class_number, self._peer.encode(held)]

    def _is_method_of_known(self, value: Any) -> bool:
        """Whether S has the object that a method is bound to, and so the method, which has not come by itself yet."""
        if type(value) is not types.MethodType or find_public_method(value.__self__, value.__name__) != value:
            return False
        return _identify(value.__self__) in self._numbers and _identify(value) not in self._numbers


def plain_base(value: Any) -> Any:
    """A subclass of a builtin, such as a member of an IntEnum, goes by its plain value; None for anything else."""
    if callable(value) or (is_of_tests(type(value)) and isinstance(value, VALUE_BASES)):
        return None
    if isinstance(value, memoryview):
        return value.tobytes()  # of a part, which is not all of any value that crosses
    for base in (int, float, str, bytes):
        if isinstance(value, base):
            return PLAIN_VALUES[base](value)
    for standard in (datetime, date, Decimal, Fraction):
        if isinstance(value, standard):
            take, make = STANDARD[standard]
            return make(*take(value))
    for container in (dict, list, set, tuple, frozenset):
        if isinstance(value, container):
            return container(value)
    return None


def _identify(value: Any) -> tuple[int, ...]:
    """What tells an object from any other that lives; a method is made anew whenever it is asked for."""
    return (id(value.__self__), id(value.__func__)) if isinstance(value, types.MethodType) else (id(value),)
