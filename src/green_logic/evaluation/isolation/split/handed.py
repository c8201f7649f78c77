"""What the solution's side holds of the tests' objects: stand-ins that ask the tests' process for everything."""

from __future__ import annotations

import inspect
import logging
import sys
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from green_logic.evaluation.isolation.guest import TESTS
from green_logic.evaluation.isolation.split.builtin_errors import builtin_base, construct_error
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
HANDED_CLASS = "_handed_class"  # the same of an exception class of the tests
SAID = "_said"  # attribute of the same: its text, when a test raised it
ERROR_CLASS, HANDLER = "error", "handler"  # kinds of what is handed over
NOTHING = inspect.Parameter.empty
FORWARD = "__handed__"  # attribute of a real function that stands for a test's


class StandIn:
    """An object of the tests. Its class has the special methods that the object has."""

    _peer: SolutionPeer
    _number: int

    def __init__(self, peer: SolutionPeer, number: int, name: str, doc: str | None) -> None:
        own = self.__dict__
        own["_peer"], own["_number"] = peer, number
        own["__doc__"], own["__annotations__"] = doc, {}
        if name:  # for functools.wraps
            own["__name__"] = own["__qualname__"] = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._peer.request("get", self._number, name)


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
        self._peer.request("log", self._number, "", **told)


def make_stand_in(peer: SolutionPeer, data: list[Any]) -> Any:
    """The stand-in that `["h", number, kind, methods, name, doc, signature]` asks for."""
    number, kind, methods, name, doc, signature = data[1:7]
    if kind == ERROR_CLASS:
        methods = {"__str__": _say, "__getattr__": lambda error, name: _ask(peer, vars(error).get(HANDED_ERROR), name)}
        return type(name, (peer.decode(signature),), {HANDED_CLASS: number, **methods})
    if kind == HANDLER:
        return HandlerStandIn(peer, number, "", None)
    names = (*check_list(methods), *(("__get__",) if kind == "function" else ()))
    stand_in = _class_of(names)(peer, number, check_text(name), doc)
    if signature is not None:
        own = vars(stand_in)
        own["__signature__"] = made = _signature(*signature)
        own["__module__"], own["__annotations__"] = TESTS, _annotations_of(made)
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
    return type(name, (base,), {"__str__": _say})


def _ask(peer: SolutionPeer, number: int | None, name: str) -> Any:
    """An attribute of what a test raised."""
    if number is None or name.startswith("_"):
        raise AttributeError(name)
    return peer.request("get", number, name)


def _say(error: BaseException) -> str:
    """What a test raised says what it said there; what the solution makes of the same class says what it was given."""
    said = vars(error).get(SAID)
    return said if type(said) is str else builtin_base(type(error)).__str__(error)


def _signature(parameters: list[Any], returns: Any) -> inspect.Signature:
    kinds = {kind.name: kind for kind in inspect._ParameterKind}
    made = [
        inspect.Parameter(name, kinds[kind], default=... if optional else NOTHING, annotation=_annotation(described))
        for name, kind, optional, described in parameters
    ]
    return inspect.Signature(made, return_annotation=_annotation(returns))


def _annotation(described: list[Any] | None) -> Any:
    """What the tests wrote; nothing if it means something to them only, such as a class of theirs."""
    if described is None:
        return NOTHING
    is_text, written = described
    try:
        return written if is_text else eval(written, {}, sys.modules)  # noqa: S307  the tests' words
    except Exception:  # noqa: BLE001  whatever it means there
        return NOTHING


def _annotations_of(signature: inspect.Signature) -> dict[str, Any]:
    found = {part.name: part.annotation for part in signature.parameters.values()}
    return {
        name: value for name, value in (found | {"return": signature.return_annotation}).items() if value is not NOTHING
    }


def _make_async(stand_in: Any) -> Any:
    """A real coroutine function: solutions ask inspect what a handler is."""

    async def call(*arguments: Any, **named: Any) -> Any:
        return await stand_in(*arguments, **named)

    call.__name__ = call.__qualname__ = getattr(stand_in, "__name__", "call")
    call.__doc__, call.__annotations__ = vars(stand_in)["__doc__"], vars(stand_in)["__annotations__"]
    if signature := vars(stand_in).get("__signature__"):
        call.__signature__ = signature  # type: ignore[attr-defined]
        call.__module__ = TESTS
    setattr(call, FORWARD, stand_in)
    return call


_classes: dict[tuple[str, ...], type[StandIn]] = {}


def _class_of(methods: tuple[str, ...]) -> type[StandIn]:
    if methods not in _classes:
        _classes[methods] = type("TestObject", (StandIn,), {name: _method(name) for name in methods})
    return _classes[methods]


def _method(name: str) -> Callable[..., Any]:
    if name == "__call__":

        def call(self: StandIn, *arguments: Any, **named: Any) -> Any:
            return self._peer.request("call", self._number, "", *arguments, **named)

        return call
    if name == "__get__":
        # a test puts it into a class of the solution: then it is a method
        return lambda self, owner, _=None: self if owner is None else types.MethodType(self, owner)
    if name == "__await__":
        return lambda self: self._peer.awaited(self._number).__await__()

    def special(self: StandIn, *arguments: Any) -> Any:
        return self._peer.request("op", self._number, name, *arguments)

    return special
