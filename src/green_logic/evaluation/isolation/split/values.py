"""Values as JSON: what is built in goes by value and exact type, everything else as a reference that a side gives.

Scalars stand for themselves. Everything else is a list that starts with its tag:

    ["i", hex] ["f", "nan"] ["c", real, imag] ["b", base85]    numbers that JSON lacks, bytes
    ["t", items] ["F", items]                                  tuple, frozenset
    ["m", mirror]  ["l"|"d"|"s"|"B"|"G", 0, content]           what can change: see mirrors.py
    ["x", name, parts]                                         a datetime and its like
    ["n", name]                                                something of builtins
    ["g", module, name]                                        a class of the standard library
    ["e", module, class, name, other]                          a member of its enumerations; `other` if it is unknown
"""

from __future__ import annotations

import base64
import builtins
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import EnumType
from fractions import Fraction
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import PosixPath, PurePosixPath
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from green_logic.evaluation.isolation.split.generators import is_plain_generator, make_generator, take_state
from green_logic.evaluation.isolation.split.standard_names import find_member, name_member
from green_logic.evaluation.isolation.split.wire import LostError

MAX_DEPTH = 150  # containers in containers; each level takes three frames of Python's thousand
EXACT_INT = 1 << 63
# what constructors say of parts that no honest side sends
MALFORMED = (TypeError, ValueError, IndexError, OverflowError, ArithmeticError, KeyError, OSError, BufferError)
EMPTY_STATES: dict[type, str] = {list: "l", dict: "d", set: "s", bytearray: "B", Random: "G"}

Parts = tuple[Any, ...]
# exact type -> its parts, and the way back; parts are values again
STANDARD: dict[type, tuple[Callable[[Any], Parts], Callable[..., Any]]] = {
    datetime: (
        lambda v: (v.year, v.month, v.day, v.hour, v.minute, v.second, v.microsecond, v.tzinfo, v.fold),
        lambda *p: datetime(*p[:8], fold=p[8]),  # noqa: DTZ001  its zone is the eighth part
    ),
    date: (lambda v: (v.year, v.month, v.day), date),
    time: (
        lambda v: (v.hour, v.minute, v.second, v.microsecond, v.tzinfo, v.fold),
        lambda *p: time(*p[:5], fold=p[5]),
    ),
    timedelta: (lambda v: (v.days, v.seconds, v.microseconds), timedelta),
    timezone: (lambda v: v.__getinitargs__(), timezone),  # by its offset alone, `timezone.utc` is found again
    ZoneInfo: (lambda v: (v.key,), ZoneInfo),
    Decimal: (lambda v: (str(v),), Decimal),
    Fraction: (lambda v: (v.numerator, v.denominator), Fraction),
    UUID: (lambda v: (v.hex,), UUID),
    **{
        kind: (lambda v: (str(v),), kind)
        for kind in (PosixPath, PurePosixPath, IPv4Address, IPv4Network, IPv6Address, IPv6Network)
    },
    range: (lambda v: (v.start, v.stop, v.step), range),
    slice: (lambda v: (v.start, v.stop, v.step), slice),
    Counter: (lambda v: tuple(v.items()), lambda *p: Counter(dict(p))),
    OrderedDict: (lambda v: tuple(v.items()), lambda *p: OrderedDict(p)),
    defaultdict: (lambda v: (v.default_factory, *v.items()), lambda *p: defaultdict(p[0], p[1:])),
    type({}.keys()): (tuple, lambda *p: dict.fromkeys(p).keys()),
    type({}.items()): (tuple, lambda *p: dict(p).items()),
    type({}.values()): (tuple, lambda *p: dict(enumerate(p)).values()),
    deque: (lambda v: (v.maxlen, *v), lambda *p: deque(p[1:], p[0])),
    memoryview: (lambda v: (v.obj,), memoryview),
}
STANDARD_NAMES = {kind.__name__: kind for kind in STANDARD}
BUILTIN_NAMES = {id(value): name for name, value in vars(builtins).items() if callable(value)} | {
    id(Ellipsis): "Ellipsis",
    id(NotImplemented): "NotImplemented",
}


def _is_whole(value: Any) -> bool:
    """Whether its parts are all of an instance of a class in STANDARD."""
    if type(value) is memoryview:
        seen: Any = value.obj
        return type(seen) in {bytes, bytearray} and value.format == "B" and value.nbytes == len(seen)
    return not (type(value) is OrderedDict and vars(value))


class Codec:
    """Encodes and decodes for one side. That side says what becomes of containers and of everything not built in."""

    def encode(self, value: object, depth: int = 0) -> Any:
        """JSON for `value`. Raises ValueError when it is nested too deeply."""
        kind = type(value)
        if kind is str or value is None or kind is bool:
            return value
        if kind is int:
            return value if -EXACT_INT < value < EXACT_INT else ["i", hex(value)]  # type: ignore[operator, arg-type]
        if kind is float:
            # x - x is 0 for all but infinities and NaN
            return value if value - value == 0.0 else ["f", repr(value)]  # type: ignore[operator]
        if depth > MAX_DEPTH:
            raise ValueError(f"a value is nested more than {MAX_DEPTH} deep")
        return self._encode_structure(value, kind, depth + 1)

    def decode(self, data: Any, depth: int = 0) -> Any:
        """The value of `data`. Raises LostError when it stands for none."""
        if type(data) is not list:
            if type(data) is dict:
                raise LostError("an object where a value was expected")
            return data
        if depth > MAX_DEPTH or not data:
            raise LostError("a value that is nested too deeply, or empty")
        try:
            return self._decode_structure(data, depth + 1)
        except MALFORMED as error:
            raise LostError(f"a malformed value: {error}") from error

    def encode_container(self, value: Any, depth: int) -> Any:
        """JSON for what the other side must be able to see change: an instance of a type in EMPTY_STATES."""
        raise NotImplementedError

    def decode_container(self, data: list[Any], depth: int) -> Any:
        """The container that `encode_container` of the other side wrote."""
        raise NotImplementedError

    def may_name(self, value: object) -> bool:
        """Whether the other side takes this builtin by its name, and then its own."""
        return True

    def encode_other(self, value: Any, depth: int) -> Any:
        """JSON for what is not built in."""
        raise NotImplementedError

    def decode_builtin(self, name: Any) -> Any:
        """The builtin of that name. Raises LostError if this side does not take it."""
        return find_builtin(name)

    def decode_other(self, data: list[Any], depth: int) -> Any:
        """What a tag of the other side means. Raises LostError if nothing."""
        raise NotImplementedError

    def encode_content(self, value: Any, depth: int = 0) -> Any:
        """JSON for what a container holds."""
        kind = type(value)
        if kind is dict:
            return [[self.encode(key, depth), self.encode(item, depth)] for key, item in value.items()]
        if kind is bytearray:
            return base64.b85encode(value).decode()
        if kind is Random:
            return take_state(value)
        return [self.encode(item, depth) for item in value]

    def decode_content(self, kind: type, data: Any, depth: int = 0) -> Any:
        """A new container of the exact type `kind`. Raises LostError, or what its constructor raises."""
        if kind is bytearray:
            return bytearray(base64.b85decode(data))
        if kind is Random:
            return make_generator(data)
        items = check_list(data)
        if kind is dict:
            return {self.decode(key, depth): self.decode(item, depth) for key, item in map(check_list, items)}
        return kind(self.decode(item, depth) for item in items)

    def _encode_structure(self, value: Any, kind: type, depth: int) -> Any:
        if kind in EMPTY_STATES and (kind is not Random or is_plain_generator(value)):
            return self.encode_container(value, depth)
        if kind in FIXED_FORMS:
            tag, take = FIXED_FORMS[kind]
            return [tag, *take(self, value, depth)]
        name = BUILTIN_NAMES.get(id(value))
        if name and getattr(builtins, name, None) is value and self.may_name(value):
            return ["n", name]
        if kind in STANDARD and _is_whole(value):
            return ["x", kind.__name__, [self.encode(part, depth) for part in STANDARD[kind][0](value)]]
        member = name_member(value) if type(kind) is EnumType else None
        other = self.encode_other(value, depth)
        return ["e", *member, other] if member else other

    def _decode_structure(self, data: list[Any], depth: int) -> Any:
        read = READERS.get(data[0])
        return read(self, data, depth) if read else self.decode_other(data, depth)


# exact type -> tag, and what follows it
FIXED_FORMS: dict[type, tuple[str, Callable[[Codec, Any, int], list[Any]]]] = {
    tuple: ("t", lambda codec, value, depth: [[codec.encode(item, depth) for item in value]]),
    frozenset: ("F", lambda codec, value, depth: [[codec.encode(item, depth) for item in value]]),
    bytes: ("b", lambda _, value, __: [base64.b85encode(value).decode()]),
    complex: ("c", lambda codec, value, _: [codec.encode(value.real), codec.encode(value.imag)]),
}
READERS: dict[object, Callable[[Codec, list[Any], int], Any]] = {
    **dict.fromkeys((*EMPTY_STATES.values(), "m"), lambda codec, data, depth: codec.decode_container(data, depth)),
    "t": lambda codec, data, depth: tuple(codec.decode(item, depth) for item in check_list(data[1])),
    "F": lambda codec, data, depth: frozenset(codec.decode(item, depth) for item in check_list(data[1])),
    "b": lambda _, data, __: base64.b85decode(check_text(data[1])),
    "c": lambda codec, data, _: complex(codec.decode(data[1]), codec.decode(data[2])),
    "i": lambda _, data, __: int(check_text(data[1]), 16),
    "f": lambda _, data, __: float(check_text(data[1])),
    "n": lambda codec, data, _: codec.decode_builtin(data[1]),
    "e": lambda codec, data, depth: _decode_member(codec, data, depth),  # noqa: PLW0108  it is defined below
    "x": lambda codec, data, depth: STANDARD[STANDARD_NAMES[data[1]]][1](
        *(codec.decode(part, depth) for part in check_list(data[2]))
    ),
}


def find_builtin(name: object) -> Any:
    """The builtin that `name` stands for. Raises LostError for one that is none."""
    value = vars(builtins).get(check_text(name))
    if id(value) not in BUILTIN_NAMES:
        raise LostError("an unknown builtin")
    return value


def _decode_member(codec: Codec, data: list[Any], depth: int) -> Any:
    module, kind, name, other = data[1:]
    found = find_member(*map(check_text, (module, kind, name)))
    return codec.decode(other, depth) if found is None else found


def is_harmless(value: object) -> bool:
    """Whether tests may get this from a solution as their own: it can neither run text nor reach anything.

    With `eval` for a function of the solution, a test that calls it with the solution's words would run them.
    """
    if value is Ellipsis or value is NotImplemented:
        return True
    return isinstance(value, type) and (
        value in STANDARD or issubclass(value, BaseException) or value.__module__ == "builtins"
    )


def check_list(data: object) -> list[Any]:
    """`data`, if it is a list. Raises LostError."""
    if type(data) is not list:
        raise LostError("expected a list")
    return data


def check_text(data: object) -> str:
    """`data`, if it is text. Raises LostError."""
    if type(data) is not str:
        raise LostError("expected text")
    return data


def check_number(data: object) -> int:
    """`data`, if it is a whole number that is no bool. Raises LostError."""
    if type(data) is not int:
        raise LostError("expected a whole number")
    return data
