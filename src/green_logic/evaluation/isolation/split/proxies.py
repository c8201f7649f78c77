"""What the tests see of the solution: a class for each of its classes, an object for each of its objects.

A comparison with something that is not the solution's is decided here, on the plain value that the solution sent
before: it never sees what a test expects. A plain operand of an operator goes over only to classes that the tests
themselves name.
"""

from __future__ import annotations

import builtins
import opcode
import operator
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from green_logic.evaluation.isolation.split.verdicts import leave_with_verdict, leave_with_verdict_async

if TYPE_CHECKING:
    from green_logic.evaluation.isolation.split.tester import TestsPeer

RID = "_remote_number"
COMPARISONS = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__")
# what gives a certain builtin type or is an error, as in the language
RESULT_TYPES: dict[str, type] = {
    "__len__": int,
    "__hash__": int,
    "__bool__": bool,
    "__int__": int,
    "__float__": float,
    "__index__": int,
    "__str__": str,
    "__repr__": str,
    "__format__": str,
    "__bytes__": bytes,
    "__length_hint__": int,
}
TEXTS = ("__str__", "__repr__", "__format__")
ITEM_METHODS = ("__getitem__", "__setitem__", "__delitem__", "__missing__")
FREE_METHODS = frozenset(
    {*ITEM_METHODS, "__enter__", "__exit__", "__aenter__", "__aexit__", "__format__", "__round__", "__call__"}
)  # whose arguments are no operands
EXITS = {"__exit__": leave_with_verdict, "__aexit__": leave_with_verdict_async}
# methods of text and sets that judge what they are given: only classes that the tests name may have their own
PREDICATES = frozenset({"startswith", "endswith", "issubset", "issuperset", "isdisjoint"})
LOCAL_NAMES = frozenset(
    {
        "_peer",
        "_class_number",
        "_functions",
        "__class__",
        "__weakref__",
        "__array_interface__",
        "__array_struct__",
    }
)


class RemoteMeta(type):
    """The type of proxy classes: what is asked of a class is asked of the solution's."""

    _peer: TestsPeer

    def __call__(cls, *arguments: Any, **named: Any) -> Any:
        return cls._peer.request("call", number_of(cls), "", *arguments, **named)

    @property  # type: ignore[misc]
    def __dict__(cls) -> Any:  # type: ignore[override]
        """For patching, which looks there for what it has to restore."""
        own: Mapping[str, Any] = type.__dict__["__dict__"].__get__(cls)
        return RemoteDict(cls._peer, number_of(cls)) if "_class_number" in own else own

    def __getattr__(cls, name: str) -> Any:
        if name in LOCAL_NAMES or name == RID:
            raise AttributeError(name)
        return cls._peer.get(number_of(cls), name)

    def __setattr__(cls, name: str, value: Any) -> None:
        cls._peer.request("set", number_of(cls), name, value)

    def __delattr__(cls, name: str) -> None:
        cls._peer.request("del", number_of(cls), name)

    def __instancecheck__(cls, instance: Any) -> bool:
        if type.__instancecheck__(cls, instance) or not type.__getattribute__(cls, "_asks"):
            return type.__instancecheck__(cls, instance)
        return cls._peer.request("isinstance", number_of(cls), "", instance) is True

    def __subclasscheck__(cls, kind: Any) -> bool:
        if type.__subclasscheck__(cls, kind) or not type.__getattribute__(cls, "_asks"):
            return type.__subclasscheck__(cls, kind)
        return cls._peer.request("issubclass", number_of(cls), "", kind) is True

    def __dir__(cls) -> list[str]:
        return cls._peer.request("dir", number_of(cls))  # type: ignore[no-any-return]

    def __iter__(cls) -> Any:
        return iter(cls._peer.request("op", number_of(cls), "__iter__"))

    def __len__(cls) -> int:
        return check_type(cls._peer.request("op", number_of(cls), "__len__"), int)  # type: ignore[no-any-return]

    def __getitem__(cls, key: Any) -> Any:
        return cls._peer.request("op", number_of(cls), "__getitem__", key)

    def __contains__(cls, item: Any) -> bool:
        return check_type(cls._peer.request("op", number_of(cls), "__contains__", item), bool)  # type: ignore[no-any-return]

    def __bool__(cls) -> bool:
        return True


class Remote(metaclass=RemoteMeta):
    """An object of the solution."""

    __slots__ = ()
    _is_named = False  # whether the tests name the class
    _asks = False  # whether the solution has a word in isinstance and issubclass
    _enums = frozenset[type]()  # of the standard library, from which the solution's class derives

    def __getattr__(self, name: str) -> Any:
        if name in LOCAL_NAMES or name == RID:
            raise AttributeError(name)
        kind = type(self)
        if name in PREDICATES and not kind._is_named:
            raise AttributeError(f"{kind.__name__!r} object may not decide {name!r}")
        if name in kind._functions:
            return RemoteMethod(kind._peer, self, name)
        return kind._peer.get(number_of(self), name)

    def __setattr__(self, name: str, value: Any) -> None:
        type(self)._peer.request("set", number_of(self), name, value)

    def __delattr__(self, name: str) -> None:
        type(self)._peer.request("del", number_of(self), name)

    def __dir__(self) -> list[str]:
        return type(self)._peer.request("dir", number_of(self))  # type: ignore[no-any-return]


class RemoteError(Remote):
    """Mixin of exceptions: the text is what the solution said when it raised it."""

    __slots__ = ()

    def __str__(self) -> str:
        own = object.__getattribute__(self, "__dict__")
        return str(own["_text"]) if "_text" in own else str(type(self)._peer.request("op", number_of(self), "__str__"))


class RemoteObject(Remote):
    """One that is nothing but an object of the solution: no exception, no number, no text."""

    __slots__ = (RID, "__weakref__")

    def __copy__(self) -> Any:
        return type(self)._peer.request("op", number_of(self), "__copy__")

    def __deepcopy__(self, memo: object) -> Any:
        return type(self)._peer.request("op", number_of(self), "__deepcopy__")


# made, and of no more use: whether the solution's class has any, it says itself
for _kind in (Remote, RemoteError, RemoteObject):
    type.__delattr__(_kind, "__slots__")


class RemoteMethod:
    """A method of an object of the solution, looked up there when it is called."""

    __slots__ = ("__weakref__", "_name", "_object", "_peer")

    def __init__(self, peer: TestsPeer, owner: Any, name: str) -> None:
        self._peer, self._object, self._name = peer, owner, name

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._peer.request("method", number_of(self._object), self._name, *arguments, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._peer.get(number_of(self._object), self._name), name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RemoteMethod):
            return NotImplemented
        return self._object is other._object and self._name == other._name

    def __hash__(self) -> int:
        return hash((number_of(self._object), self._name))

    @property
    def path(self) -> list[Any]:
        """How a message names it."""
        return ["A", number_of(self._object), self._name]


class RemoteDict(Mapping[str, Any]):
    """The attributes that a class or module of the solution has itself, each fetched when it is asked for."""

    def __init__(self, peer: TestsPeer, number: int) -> None:
        self._peer, self._number = peer, number

    def __getitem__(self, name: str) -> Any:
        return self._peer.request("own", self._number, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._peer.request("owned", self._number))

    def __len__(self) -> int:
        return len(self._peer.request("owned", self._number))


class RemoteOwn:
    """An attribute of a class of the solution that instances may have for themselves, as functions have texts."""

    def __init__(self, name: str, of_class: object) -> None:
        self._name, self._of_class = name, of_class

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self._of_class if instance is None else owner._peer.get(number_of(instance), self._name)


class RemoteModule:
    """`solution`, as the tests import it. No module in the eyes of `inspect`, so that patching asks for attributes."""

    __slots__ = ("__file__", "__name__", "_peer")
    __doc__ = property(lambda self: self._peer.get(0, "__doc__"))

    def __init__(self, peer: TestsPeer, name: str, path: str) -> None:
        for attribute, value in (("_peer", peer), ("__name__", name), ("__file__", path)):
            object.__setattr__(self, attribute, value)

    @property
    def __dict__(self) -> RemoteDict:  # type: ignore[override]
        return RemoteDict(self._peer, 0)

    def __repr__(self) -> str:
        return f"<module {self.__name__!r} from {self.__file__!r}>"

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            names, asker = self._peer.request("names", 0), sys._getframe(1)
            return _leave_bound(names, asker.f_globals) if _imports_star(asker) else names
        if name in {"__path__", "__wrapped__"}:  # it is no package
            raise AttributeError(f"module 'solution' has no attribute '{name}'")
        return self._peer.get(0, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._peer.request("set", 0, name, value)

    def __delattr__(self, name: str) -> None:
        self._peer.request("del", 0, name)

    def __dir__(self) -> list[str]:
        return self._peer.request("dir", 0)  # type: ignore[no-any-return]


def _imports_star(frame: types.FrameType) -> bool:
    # another instruction for it in each Python, so what is known is what it is not
    operation = opcode.opname[frame.f_code.co_code[frame.f_lasti]]
    return frame.f_code.co_name == "<module>" and operation not in {"LOAD_ATTR", "LOAD_METHOD"}


def _leave_bound(names: list[Any], bound: Mapping[str, Any]) -> list[Any]:
    """What a star may bring: with a `pytest` or an `abs` of its own, the solution would judge in the tests' place."""
    return [name for name in names if name not in bound and name not in vars(builtins)]


def number_of(proxy: Any) -> int:
    """The number by which the solution's side knows what `proxy` stands for."""
    if isinstance(proxy, RemoteMeta):
        return type.__getattribute__(proxy, "_class_number")  # type: ignore[no-any-return]
    return object.__getattribute__(proxy, RID)  # type: ignore[no-any-return]


def is_remote(value: object) -> bool:
    """Whether it is the solution's: the only kind of operand that may go there."""
    return isinstance(type(value), RemoteMeta) or isinstance(value, (RemoteMeta, RemoteMethod))


def check_type(value: Any, kind: type) -> Any:
    """`value`, if it is of exactly that builtin type or a subclass of the solution's. Raises TypeError."""
    if not isinstance(value, kind):
        raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
    return value


def special_method(
    name: str, *, is_named: bool, value: type | None, content: type | None, compared: type | None
) -> Callable[..., Any] | None:
    """The method `name` of a proxy class; None if that of its builtin base is to be used.

    `is_named`: the tests name the class. `value`: the builtin whose value its instances carry. `content`: the builtin
    container that it extends. `compared`: the one that its instances are compared as.
    """
    if name in COMPARISONS:
        return None if value else _comparison(name, content or compared)
    if name == "__await__":
        return lambda self: type(self)._peer.wait_for(number_of(self)).__await__()
    if name == "__contains__" and not value:
        return _membership(is_named=is_named, content=content)
    if name == "__call__":
        return _call
    if value and name not in TEXTS and not _is_binary(name):
        return None
    method = _forwarded(name, is_free=is_named and value in {None, tuple}, value=value)
    return EXITS[name](method) if name in EXITS else method


def _call(self: Any, /, *arguments: Any, **named: Any) -> Any:
    return type(self)._peer.request("call", number_of(self), "", *arguments, **named)


def _is_binary(name: str) -> bool:
    return name not in RESULT_TYPES and name not in FREE_METHODS and hasattr(operator, name.replace("__r", "__", 1))


def _forwarded(name: str, *, is_free: bool, value: type | None) -> Callable[..., Any]:
    """A method that asks the solution. `is_free`: with any operand."""
    result_type = RESULT_TYPES.get(name)
    takes_any = is_free or name in FREE_METHODS

    def method(self: Any, *operands: Any) -> Any:
        if not takes_any and not all(map(is_remote, operands)):
            if value:
                return getattr(value, name)(self, *operands)
            return NotImplemented
        result = type(self)._peer.request("op", number_of(self), name, *operands)
        return check_type(result, result_type) if result_type else result

    return method


def _comparison(name: str, content: type | None) -> Callable[[Any, Any], Any]:
    decide = getattr(operator, name)

    def compare(self: Any, other: Any) -> Any:
        peer = type(self)._peer
        if is_remote(other):
            return peer.request("op", number_of(self), name, other)
        if content:
            held = peer.content(self)
            return decide(held, other) if type(held) is content else NotImplemented
        return NotImplemented

    return compare


def _membership(*, is_named: bool, content: type | None) -> Callable[[Any, Any], bool]:
    def contains(self: Any, item: Any) -> bool:
        peer = type(self)._peer
        if is_named or is_remote(item):
            return bool(peer.request("op", number_of(self), "__contains__", item))
        if content:
            return item in peer.content(self)
        # the interpreter's own way for classes without __contains__, so that the comparison happens here
        return any(found is item or found == item for found in self)

    return contains


def refuse_subclass(name: str) -> NoReturn:
    """A test cannot derive from a class that lives elsewhere."""
    raise TypeError(f"{name}: a class of the solution cannot be a base in another process")
