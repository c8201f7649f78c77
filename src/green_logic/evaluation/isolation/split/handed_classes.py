"""The tests' classes as the solution's side has them: real classes, whose instances stand for the tests' objects.

So `isinstance`, `type(event)`, a dictionary of handlers by class, `functools.singledispatch` and `dataclasses.fields`
work as in one process. Calling such a class makes an object over there. What it is made of, the tests' side described;
no attribute of it is one of theirs, and what the solution changes in it stays here.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import enum
import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from green_logic.evaluation.isolation.split.handed import (
    HANDED_CLASS,
    HANDED_ERROR,
    NUMBER,
    PEER,
    StandIn,
    handed_method,
    say,
)
from green_logic.evaluation.isolation.split.handed_members import BASIC_METHODS, FORMS
from green_logic.evaluation.isolation.split.hints import make_signature, named_annotations, read_hint

if TYPE_CHECKING:
    from green_logic.evaluation.isolation.split.solution import SolutionPeer

SIGNATURE = "__handed_signature__"  # attribute of a class: how it is called


class HandedMeta(type):
    """The type of classes that stand for the tests'."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **named: Any) -> HandedMeta:
        if HANDED_CLASS not in namespace:
            raise TypeError(f"{name}: a class of the tests cannot be a base in another process")
        return super().__new__(cls, name, bases, namespace, **named)

    def __call__(cls, *arguments: Any, **named: Any) -> Any:
        return vars(cls)[PEER].request("call", vars(cls)[HANDED_CLASS], "", *arguments, **named)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        return vars(cls)[PEER].request("get", vars(cls)[HANDED_CLASS], name)

    def __instancecheck__(cls, instance: Any) -> bool:
        if super().__instancecheck__(instance) or not vars(cls).get("_is_protocol"):
            return super().__instancecheck__(instance)
        return bool(vars(cls)[PEER].request("isinstance", vars(cls)[HANDED_CLASS], "", instance))

    @property
    def __signature__(cls) -> inspect.Signature:
        """Here, for that of a class is not that of its instances."""
        signature = vars(cls).get(SIGNATURE)
        if signature is None:
            raise AttributeError("__signature__")
        return signature  # type: ignore[no-any-return]


class HandedErrorMeta(type):
    """The type of exception classes that stand for the tests': only their attributes are asked for."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        return getattr(cls, PEER).request("get", getattr(cls, HANDED_CLASS), name)


class HandedEnumMeta(HandedMeta, enum.EnumMeta):
    """The same of enumerations, whose members are here."""


# a class whose description cannot be told, as with a default that is nested too deeply
UNDESCRIBED: dict[str, Any] = {
    **dict.fromkeys(
        ("bases", "virtual", "listed", "special", "members", "annotations", "tuple", "enum", "abstract"), ()
    ),
    **dict.fromkeys(("doc", "signature", "fields"), None),
    **dict.fromkeys(("protocol", "unhashable"), False),
    **{"name": "TestObject", "qualname": "TestObject", "module": "test_solution"},
}


def make_class(peer: SolutionPeer, number: int, described: dict[str, Any]) -> type:
    """The class that `handing_classes.describe_class` described, but for what may refer to itself."""
    bases = tuple(peer.stand_ins.class_of(base) if type(base) is int else base for base in described["bases"])
    own = {
        "__module__": described["module"],
        "__qualname__": described["qualname"],
        "__doc__": described["doc"],
        HANDED_CLASS: number,
        PEER: peer,
    }
    if any(issubclass(base, BaseException) for base in bases):
        return HandedErrorMeta(described["name"], bases, {**own, "__str__": say, "__getattr__": _ask})
    own |= {"_is_protocol": True} if described["protocol"] else {}
    own |= {} if any(isinstance(base, HandedMeta) for base in bases) else BASIC_METHODS
    own |= {name: handed_method(name) for name in described["special"]}
    own |= {"__hash__": None} if described["unhashable"] else {}
    own |= {name: FORMS[form](name) for name, form, *_ in described["members"]}
    own |= _tuple_parts(described["name"], described["tuple"]) if described["tuple"] else {}
    return _create(described, bases, own)


def complete_class(peer: SolutionPeer, cls: type, described: dict[str, Any]) -> None:
    """Add what may refer to the class itself: hints, fields and signatures. Doing it again changes nothing."""
    read = functools.partial(read_hint, peer)
    hints = {name: read(hint) for name, hint in described["annotations"]}
    if hints:
        type.__setattr__(cls, "__annotations__", hints)
    if described["signature"] is not None:
        type.__setattr__(cls, SIGNATURE, make_signature(peer, described["signature"]))
    for name, names in described["listed"]:
        type.__setattr__(cls, name, names)
    for name, _, signature, doc in described["members"]:
        if signature is not None:
            function = vars(cls)[name]
            function.__doc__ = doc
            function.__signature__ = make_signature(peer, signature)
            function.__annotations__ = named_annotations(function.__signature__)
    if described["fields"] is not None:
        type.__setattr__(cls, "__dataclass_fields__", _make_fields(read, described["fields"]))
    if described["abstract"]:
        type.__setattr__(cls, "__abstractmethods__", frozenset(described["abstract"]))
    for name, member_number, _ in described["enum"]:
        if name in getattr(cls, "__members__", {}):
            member = cls.__members__[name]  # type: ignore[attr-defined]
            _stand_for(member, member_number)
            peer.stand_ins.remember(member_number, member)
    for virtual in described["virtual"]:
        virtual.register(cls)


def make_object(number: int, cls: type, held: Any) -> Any:
    """The stand-in for an object of a test's class. `held`: the builtin value that it carries, if it does."""
    made: Any
    if issubclass(cls, enum.Enum):
        made = enum.EnumMeta.__call__(cls, held)  # flags that are no member
    elif held is None or not issubclass(cls, type(held)):
        made = object.__new__(cls)
    else:
        made = type(held).__new__(cls, held)  # type: ignore[arg-type]
    return _stand_for(made, number)


def _stand_for(made: Any, number: int) -> Any:
    object.__setattr__(made, NUMBER, number)
    return made


def _create(described: dict[str, Any], bases: tuple[type, ...], own: dict[str, Any]) -> type:
    """With its bases and members if they go together here, else without."""
    name = described["name"]
    with contextlib.suppress(TypeError, ValueError, AttributeError):
        if not any(issubclass(base, enum.Enum) for base in bases):
            return HandedMeta(name, bases, own)
        namespace = enum.EnumMeta.__prepare__(name, bases)
        for key, value in (*own.items(), *((key, enum.member(held)) for key, _, held in described["enum"])):
            namespace[key] = value
        return HandedEnumMeta(name, bases, namespace)
    return HandedMeta(name, (), BASIC_METHODS | own)


def _tuple_parts(name: str, fields: tuple[str, ...]) -> dict[str, Any]:
    """What a named tuple has."""
    own = vars(collections.namedtuple(name, fields))
    kept = {key: own[key] for key in (*fields, "_fields", "_asdict", "_replace", "__match_args__")}
    return kept | {"_make": classmethod(lambda cls, items: cls(*items))}


def _make_fields(read: Callable[[Any], Any], described: list[Any]) -> dict[str, Any]:
    fields = []
    for name, hint, init, default, metadata in described:
        options: dict[str, Any] = dict(default)
        fields.append(
            (name, read(hint), dataclasses.field(init=init, kw_only=True, metadata=dict(metadata), **options))
        )
    return vars(dataclasses.make_dataclass("Fields", fields, eq=False))["__dataclass_fields__"]  # type: ignore[no-any-return]


def _ask(error: BaseException, name: str) -> Any:
    """An attribute of what a test raised, or else what its class says of all."""
    if name.startswith("_"):
        raise AttributeError(name)
    number = vars(error).get(HANDED_ERROR)
    if number is not None:
        return getattr(error, PEER).request("get", number, name)
    found = getattr(type(error), name)
    if not callable(found) and not isinstance(found, StandIn):
        return found
    raise AttributeError(f"{name}: a method or property of an exception that the tests did not make")
