"""How the solution's side tells what its classes and exceptions are."""

from __future__ import annotations

import dataclasses
import functools
import types
from abc import ABCMeta
from collections import UserList
from collections.abc import Callable, Mapping, Set
from enum import EnumType
from typing import TYPE_CHECKING, Any

from green_logic.evaluation.isolation.split.builtin_errors import builtin_base
from green_logic.evaluation.isolation.split.handed import HANDED_CLASS, HANDED_ERROR
from green_logic.evaluation.isolation.split.standard_names import name_standard_class
from green_logic.evaluation.isolation.split.values import BUILTIN_NAMES
from green_logic.evaluation.isolation.split.words import words

if TYPE_CHECKING:
    from green_logic.evaluation.isolation.split.solution import SolutionPeer

# what a proxy has if the solution's class has it; comparisons with plain values are never among what is sent
SPECIAL_METHODS = words(
    "__call__ __len__ __getitem__ __setitem__ __delitem__ __contains__ __iter__ __next__ __reversed__ __missing__",
    "__enter__ __exit__ __aenter__ __aexit__ __aiter__ __anext__ __await__",
    "__eq__ __ne__ __lt__ __le__ __gt__ __ge__ __hash__ __bool__ __int__ __float__ __index__ __complex__ __bytes__",
    "__str__ __repr__ __format__ __length_hint__",
    "__add__ __radd__ __iadd__ __sub__ __rsub__ __isub__ __mul__ __rmul__ __imul__ __truediv__ __rtruediv__",
    "__itruediv__ __floordiv__ __rfloordiv__ __ifloordiv__ __mod__ __rmod__ __imod__ __pow__ __rpow__ __ipow__",
    "__matmul__ __rmatmul__ __imatmul__ __divmod__ __rdivmod__ __lshift__ __rlshift__ __rshift__ __rrshift__",
    "__ilshift__ __irshift__ __and__ __rand__ __iand__ __or__ __ror__ __ior__ __xor__ __rxor__ __ixor__",
    "__neg__ __pos__ __abs__ __invert__ __round__ __trunc__ __floor__ __ceil__",
)
DESCRIPTOR_METHODS = ("__get__", "__set__", "__delete__", "__set_name__")
VALUE_BASES = (int, float, str, bytes, tuple)  # a subclass carries its plain value, on which the tests decide
CONTAINER_BASES = (list, dict, set, frozenset, bytearray)  # a subclass is asked for its plain content
ABSTRACT = (ABCMeta, EnumType)  # types of classes that the tests' side can take a proxy class for a subclass of
BINDING = (types.FunctionType, functools._lru_cache_wrapper)  # what becomes a method in a class of the tests
MAX_TEXT = 4000  # characters of an exception's message
MAX_CAUSES = 4
COROUTINE_FLAG = 0x80  # inspect.CO_COROUTINE


def describe_class(peer: SolutionPeer, kind: type) -> dict[str, Any]:
    """What the tests' side must know to make a proxy class."""
    methods = [name for name in SPECIAL_METHODS if _differs(kind, name)]
    return {
        "name": kind.__name__[:100],
        "module": str(kind.__module__)[:100],
        "bases": [described for base in kind.__bases__ if (described := _describe_base(peer, base)) is not None],
        "methods": sorted(methods),
        "descriptor": [name for name in DESCRIPTOR_METHODS if _differs(kind, name)],
        "unhashable": kind.__hash__ is None,
        "value": next((base.__name__ for base in VALUE_BASES if issubclass(kind, base)), None),
        "content": next((base.__name__ for base in CONTAINER_BASES if issubclass(kind, base)), None),
        "compared": _find_compared(kind)[0],
        "exception": issubclass(kind, BaseException),
        "fields": list(getattr(kind, "_fields", ())) if issubclass(kind, tuple) else [],
        "dataclass": [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else None,
        "functions": sorted(_find_functions(kind)),
        "derives": [name for part in kind.__mro__ if type(part) in ABSTRACT and (name := name_standard_class(part))],
        "binds": kind in BINDING,
        "doc": kind.__doc__[:MAX_TEXT] if isinstance(kind.__doc__, str) and kind.__module__ != "builtins" else None,
        "asks": type(kind) is not type and hasattr(type(kind), "__instancecheck__"),
    }


def describe_error(peer: SolutionPeer, error: BaseException, depth: int = 0) -> Any:
    """What the tests' side must know to raise the same exception; one of the tests goes back as itself."""
    if HANDED_ERROR in vars(error):
        return ["h", vars(error)[HANDED_ERROR]]
    base = builtin_base(type(error))
    described: dict[str, Any] = {"base": base.__name__, "text": _text_of(error), "args": _arguments_of(peer, error)}
    if type(error) is not base:
        standard = name_standard_class(type(error))
        if HANDED_CLASS in vars(type(error)):
            described["handed"] = vars(type(error))[HANDED_CLASS]
        elif standard:
            described["standard"] = [*standard, _plain_attributes(peer, error)]
        else:
            described["own"] = [peer.export(error), peer.export(type(error))]
    if isinstance(error, OSError) and isinstance(error.filename, str):
        described["file"] = error.filename[:MAX_TEXT]
    if isinstance(error, BaseExceptionGroup):
        described["group"] = [describe_error(peer, part, depth + 1) for part in error.exceptions[:100] if depth < 10]
    described |= _describe_links(peer, error, depth)
    if notes := getattr(error, "__notes__", None):
        described["notes"] = [str(note)[:MAX_TEXT] for note in list(notes)[:10]]
    return described


def _describe_links(peer: SolutionPeer, error: BaseException, depth: int) -> dict[str, Any]:
    """What it was raised from, and during what."""
    links: dict[str, Any] = {"suppress": True} if error.__suppress_context__ else {}
    cause, context = error.__cause__, error.__context__
    if depth < MAX_CAUSES:
        if cause is not None:
            links["cause"] = describe_error(peer, cause, depth + 1)
        if context is not None:
            links["context"] = "cause" if context is cause else describe_error(peer, context, depth + 1)
    return links


# how to get at the builtin value of a subclass's instance without asking its own methods
PLAIN_VALUES: dict[type, Callable[[Any], Any]] = {
    int: lambda value: int.__add__(value, 0),
    float: lambda value: float.__add__(value, 0.0),
    str: lambda value: "".join(str.__iter__(value)),
    bytes: lambda value: bytes.__add__(value, b""),
    tuple: lambda value: tuple(tuple.__iter__(value)),
}
PLAIN_CONTENTS: dict[type, Callable[[Any], Any]] = {
    list: lambda value: list(list.__iter__(value)),
    dict: lambda value: dict(dict.items(value)),
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
    bytearray: lambda value: bytearray(bytearray.__iter__(value)),
}


def plain_value(value: Any) -> Any:
    """The builtin value that an instance of a subclass of VALUE_BASES carries; its own methods are not asked."""
    return next(take(value) for base, take in PLAIN_VALUES.items() if isinstance(value, base))


def plain_content(value: Any) -> Any:
    """A copy of the builtin container that an instance of a subclass is, or is compared as; None if it is neither."""
    for base, take in PLAIN_CONTENTS.items():
        if isinstance(value, base):
            return take(value)
    take = _find_compared(type(value))[1]
    return take(value)


# method that compares -> as what, and how to get at that
COMPARED_CONTENTS: tuple[tuple[object, str, Callable[[Any], Any]], ...] = (
    (Mapping.__eq__, "dict", lambda value: dict(value.items())),
    (types.MappingProxyType.__eq__, "dict", dict),
    (Set.__eq__, "set", set),
    (UserList.__eq__, "list", lambda value: list(value.data)),
)


def _find_compared(kind: type) -> tuple[str | None, Callable[[Any], Any]]:
    """The container as which the standard library compares instances that are none, and what makes it of one."""
    equal = kind.__eq__
    return next(((name, take) for method, name, take in COMPARED_CONTENTS if method is equal), (None, lambda _: None))


def is_awaitable(value: object) -> bool:
    """Whether it can be awaited and is nothing else."""
    return isinstance(value, types.CoroutineType) or type(value).__name__ in AWAITABLE_NAMES


AWAITABLE_NAMES = ("async_generator_asend", "async_generator_athrow", "coroutine_wrapper", "anext_awaitable")


def is_async_function(value: object) -> bool:
    """Whether calling it gives a coroutine."""
    code = getattr(getattr(value, "__func__", value), "__code__", None)
    return isinstance(code, types.CodeType) and bool(code.co_flags & COROUTINE_FLAG)


def _differs(kind: type, name: str) -> bool:
    found = getattr(kind, name, None)
    base = builtin_base(kind) if issubclass(kind, BaseException) else object
    if name == "__call__" and not any(name in vars(part) for part in kind.__mro__):
        return False  # found on the metaclass
    return found is not None and found is not getattr(base, name, None)


def _describe_base(peer: SolutionPeer, base: type) -> Any:
    if base is object:
        return None
    if id(base) in BUILTIN_NAMES:
        return ["n", base.__name__] if issubclass(base, BaseException) or base in VALUE_BASES else None
    standard = name_standard_class(base)
    if standard:
        return ["g", *standard] if issubclass(base, BaseException) else None
    return ["k", peer.export(base)]


def _find_functions(kind: type) -> set[str]:
    """Names that are sure to be methods, so that they need not be fetched before they are called."""
    if any("__getattribute__" in vars(part) for part in kind.__mro__[:-1] if part.__module__ != "builtins"):
        return set()
    found: dict[str, object] = {}
    for part in reversed(kind.__mro__[:-1]):
        found |= vars(part)
    return {name for name, value in found.items() if isinstance(value, types.FunctionType) and name[:2] != "__"}


def _text_of(error: BaseException) -> str:
    try:
        return str(error)[:MAX_TEXT]
    except Exception as failure:  # noqa: BLE001  the solution's own __str__
        return f"<str() of it raised {type(failure).__name__}>"


def _arguments_of(peer: SolutionPeer, error: BaseException) -> list[Any]:
    try:
        return [peer.encode(argument) for argument in error.args]
    except (ValueError, RecursionError):
        return []


def _plain_attributes(peer: SolutionPeer, error: BaseException) -> list[Any]:
    """Attributes such as those of json.JSONDecodeError."""
    kinds = (str, int, float, bool, type(None))
    found = [(name, value) for name, value in vars(error).items() if type(value) in kinds and name.isidentifier()]
    return [[name, peer.encode(value)] for name, value in found[:20] if not name.startswith("_")]
