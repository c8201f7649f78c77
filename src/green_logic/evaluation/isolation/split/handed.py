"""What the solution's side holds of the tests' objects: stand-ins that ask the tests' process for everything."""

from __future__ import annotations

import logging
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from green_logic.evaluation.isolation.guest import TESTS
from green_logic.evaluation.isolation.split.builtin_errors import builtin_base, construct_error
from green_logic.evaluation.isolation.split.hints import make_signature, named_annotations
from green_logic.evaluation.isolation.split.records import FORMATTED, MAX_TEXT, TEXT, describe_record
from green_logic.evaluation.isolation.split.values import check_list, check_text
from green_logic.evaluation.isolation.split.words import words

if TYPE_CHECKING:
    from green_logic.evaluation.isolation.split.solution import SolutionPeer

# special methods of a test's object that the solution may use, all of them calls
HANDED_METHODS = words(
    "__call__ __iter__ __next__ __len__ __getitem__ __setitem__ __delitem__ __contains__ __enter__ __exit__ __bool__",
    "__eq__ __ne__ __lt__ __le__ __gt__ __ge__ __hash__ __str__ __repr__ __int__ __float__ __index__ __add__ __radd__",
    "__sub__ __mul__ __rmul__ __truediv__ __neg__ __abs__ __aenter__ __aexit__ __aiter__ __anext__ __await__",
)
HANDED_ERROR = "_handed_error"  # attribute of a stand-in for an exception of the tests: its number there
HANDED_CLASS = "__handed_class__"  # the same of a class of the tests
NUMBER = "_handed_number"  # the same of any other object
PEER = "__handed_peer__"  # attribute of either: whom it asks
SAID = "_said"  # attribute of the stand-in for an exception: its text, when a test raised it
CLASS, OBJECT, HANDLER = "class", "object", "handler"  # kinds of what is handed over
FORWARD = "__handed__"  # attribute of a real function that stands for a test's: that function, and its stand-in


class StandIn:
    """An object of the tests whose class is not theirs. Its own class has the special methods that the object has."""

    def __init__(self, peer: SolutionPeer, number: int, name: str, doc: str | None) -> None:
        own = self.__dict__
        own[PEER], own[NUMBER] = peer, number
        own["__doc__"], own["__annotations__"] = doc, {}
        if name:  # for functools.wraps
            own["__name__"] = own["__qualname__"] = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        own = self.__dict__
        return own[PEER].request("get", own[NUMBER], name)


class HandlerStandIn(StandIn, logging.Handler):
    """A logging handler of the tests, which decides there. A formatter that the solution sets is used here."""

    def __init__(self, peer: SolutionPeer, number: int, name: str, doc: str | None) -> None:
        super().__init__(peer, number, name, doc)
        logging.Handler.__init__(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Hand it over."""
        told = describe_record(record)
        if self.formatter:
            told = {name: value for name, value in told.items() if name not in FORMATTED}
            told[TEXT] = self.format(record)[:MAX_TEXT]
        getattr(self, PEER).request("log", getattr(self, NUMBER), "", **told)


def make_stand_in(peer: SolutionPeer, data: list[Any]) -> Any:
    """The stand-in that `["h", number, kind, methods, name, doc, signature]` asks for."""
    number, kind, methods, name, doc, signature = data[1:7]
    if kind == HANDLER:
        return HandlerStandIn(peer, number, "", None)
    names = (*check_list(methods), *(("__get__",) if kind == "function" else ()))
    stand_in = _class_of(names)(peer, number, check_text(name), doc)
    described = peer.decode(signature)
    if described is not None:
        own = vars(stand_in)
        own["__signature__"] = made = make_signature(peer, described)
        own["__module__"], own["__annotations__"] = TESTS, named_annotations(made)
    return _make_async(stand_in) if kind == "async" else stand_in


def make_handed_error(
    kind: type[BaseException], number: int, text: str, arguments: tuple[object, ...]
) -> BaseException:
    """An exception of the tests, `text` its message."""
    error = construct_error(kind, arguments)
    vars(error).update({HANDED_ERROR: number, SAID: text})
    return error


def make_error_class(base: type[BaseException], name: str) -> type[BaseException]:
    """What is caught by the same builtin names as an exception of the tests whose class was not handed over."""
    return type(name, (base,), {"__str__": say})


def say(error: BaseException) -> str:
    """What a test raised says what it said there; what the solution makes of the same class says what it was given."""
    said = vars(error).get(SAID)
    return said if type(said) is str else builtin_base(type(error)).__str__(error)


def _make_async(stand_in: Any) -> Any:
    """A real coroutine function: solutions ask inspect what a handler is."""

    async def call(*arguments: Any, **named: Any) -> Any:
        return await stand_in(*arguments, **named)

    call.__name__ = call.__qualname__ = getattr(stand_in, "__name__", "call")
    call.__doc__, call.__annotations__ = vars(stand_in)["__doc__"], vars(stand_in)["__annotations__"]
    if signature := vars(stand_in).get("__signature__"):
        call.__signature__ = signature  # type: ignore[attr-defined]
        call.__module__ = TESTS
    setattr(call, FORWARD, (call, stand_in))
    return call


def find_forwarded(function: Any) -> Any:
    """The stand-in that a real function stands for; the function itself if it does for none."""
    # a function that wraps it has its attributes
    owner, stand_in = vars(function).get(FORWARD, (None, None))
    return stand_in if owner is function else function


_classes: dict[tuple[str, ...], type[StandIn]] = {}


def _class_of(methods: tuple[str, ...]) -> type[StandIn]:
    if methods not in _classes:
        _classes[methods] = type("TestObject", (StandIn,), {name: handed_method(name) for name in methods})
    return _classes[methods]


def handed_method(name: str) -> Callable[..., Any]:
    """A special method that asks the tests' process."""
    if name == "__call__":

        def call(self: Any, *arguments: Any, **named: Any) -> Any:
            return getattr(self, PEER).request("call", getattr(self, NUMBER), "", *arguments, **named)

        return call
    if name == "__get__":
        # a test puts it into a class of the solution: then it is a method
        return lambda self, owner, _=None: self if owner is None else types.MethodType(self, owner)
    if name == "__await__":
        return lambda self: getattr(self, PEER).awaited(getattr(self, NUMBER)).__await__()

    def special(self: Any, *arguments: Any) -> Any:
        return getattr(self, PEER).request("op", getattr(self, NUMBER), name, *arguments)

    return special
