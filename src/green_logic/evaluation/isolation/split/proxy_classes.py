"""Makes the tests' side's classes from what the solution's side says of its own."""

from __future__ import annotations

import builtins
import dataclasses
import json
import logging
import operator
import types
from abc import ABCMeta
from enum import EnumType
from typing import TYPE_CHECKING, Any

from green_logic.evaluation.isolation.split.describing import CONTAINER_BASES, SPECIAL_METHODS, VALUE_BASES
from green_logic.evaluation.isolation.split.proxies import (
    RID,
    Remote,
    RemoteDict,
    RemoteError,
    RemoteMeta,
    RemoteObject,
    RemoteOwn,
    number_of,
    special_method,
)
from green_logic.evaluation.isolation.split.proxy_descriptors import descriptor_methods
from green_logic.evaluation.isolation.split.standard_names import find_standard_class
from green_logic.evaluation.isolation.split.values import check_list, check_text
from green_logic.evaluation.isolation.split.wire import LostError

if TYPE_CHECKING:
    from green_logic.evaluation.isolation.split.tester import TestsPeer

VALUES = {base.__name__: base for base in VALUE_BASES}
CONTAINERS = {base.__name__: base for base in CONTAINER_BASES}
MAX_BASES = 20
LOGGERS = ("Logger", "RootLogger")
# types of the solution's objects that tests ask `isinstance` for, and that mean nothing to pytest or mock
BUILTIN_KINDS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        *(types.GeneratorType, types.AsyncGeneratorType, map, filter, zip, enumerate, reversed),
        *(property, staticmethod, classmethod, types.MappingProxyType),
    )
}
# of `numbers` none: what is a number, `approx` would ask for a sum
REGISTERING = frozenset({"abc", "collections", "collections.abc", "contextlib"})


def parse_description(text: Any) -> Any:
    """What `describing.describe_class` made. Raises LostError for anything that is no JSON."""
    try:
        return json.loads(check_text(text))
    except (ValueError, RecursionError) as error:
        raise LostError("a class whose description is no JSON") from error


def make_class(peer: TestsPeer, number: int, described: Any) -> RemoteMeta:
    """The proxy class for class `number`. Raises LostError if the description is none."""
    if type(described) is not dict:
        raise LostError("a class without a description")
    name = check_text(described.get("name"))
    value = VALUES.get(str(described.get("value")))
    content = CONTAINERS.get(str(described.get("content")))
    bases = [_find_base(peer, base) for base in check_list(described.get("bases"))[:MAX_BASES]]
    is_named = (name in peer.names and name[:1].isupper()) or any(getattr(base, "_is_named", False) for base in bases)
    namespace: dict[str, Any] = {
        "_peer": peer,
        RID: number,
        "_asks": False,
        "_value": value,
        "_is_named": is_named,
        "_functions": frozenset(map(check_text, check_list(described.get("functions")))),
        "__module__": check_text(described.get("module")),
        "__doc__": RemoteOwn("__doc__", described.get("doc") if type(described.get("doc")) is str else None),
    }
    if described.get("module") == "builtins":
        namespace["__module__"] = RemoteOwn("__module__", "builtins")
        if name == "module":
            namespace["__dict__"] = property(lambda self: RemoteDict(peer, number_of(self)))
        if kind := BUILTIN_KINDS.get(name):
            namespace["__class__"] = property(lambda _: kind)
    if described.get("module") == "logging" and name in LOGGERS:
        namespace["__class__"] = property(lambda _: logging.Logger)  # `assertLogs` asks isinstance for it
    if described.get("binds") is True:
        namespace["__get__"] = lambda self, owner, _=None: self if owner is None else types.MethodType(self, owner)
    compared = CONTAINERS.get(str(described.get("compared")))
    namespace |= _special_methods(described, (value, content, compared), is_named=is_named)
    if peer.places and described.get("binds") is not True:
        namespace |= descriptor_methods(frozenset(map(check_text, check_list(described.get("descriptor")))))
    if type(described.get("dataclass")) is list:
        fields = [(field, object) for field in map(check_text, described["dataclass"])]
        namespace["__dataclass_fields__"] = vars(dataclasses.make_dataclass("Fields", fields))["__dataclass_fields__"]
    cls = _create(name, bases, namespace, value, is_exception=described.get("exception") is True)
    _register(cls, check_list(described.get("derives")))
    # not before: `register` would ask the solution whether the abstract class derives from this one
    type.__setattr__(cls, "_asks", described.get("asks") is True)
    return cls


def recognise_enums() -> None:
    """Let isinstance and issubclass know enumerations of the solution, for the standard library's have no `register`.

    pytest asks as well: a parameter that is a member has its text for a name.
    """

    def derives(kind: Any, cls: Any) -> bool:
        return type.__subclasscheck__(kind, cls) or (isinstance(cls, RemoteMeta) and kind in cls._enums)

    def holds(kind: Any, value: Any) -> bool:
        return type.__instancecheck__(kind, value) or derives(kind, type(value))

    for name, check in (("__subclasscheck__", derives), ("__instancecheck__", holds)):
        setattr(EnumType, name, check)


def _register(cls: RemoteMeta, derives: list[Any]) -> None:
    """Let the standard library's abstract classes and enumerations know `cls` for a subclass of theirs."""
    found = [find_standard_class(*map(check_text, check_list(entry))) for entry in derives[:MAX_BASES]]
    abstract: list[Any] = [base for base in found if type(base) is ABCMeta and base.__module__ in REGISTERING]
    for base in abstract:
        base.register(cls)
    type.__setattr__(cls, "_enums", frozenset(base for base in found if type(base) is EnumType))


def _special_methods(
    described: dict[str, Any], builtin: tuple[type | None, type | None, type | None], *, is_named: bool
) -> dict[str, Any]:
    """`builtin`: the types whose value, and whose content, an instance has, and the one that it is compared as."""
    value, content, compared = builtin
    methods: dict[str, Any] = {}
    listed = {*map(check_text, check_list(described.get("methods")))} & SPECIAL_METHODS
    is_exception = described.get("exception") is True
    if is_exception:
        listed -= {"__str__", "__hash__"}
        methods["__str__"] = vars(RemoteError)["__str__"]  # before that of a builtin base
    else:
        listed |= {"__repr__", "__str__"}
    for name in listed:
        method = special_method(name, is_named=is_named, value=value, content=content, compared=compared)
        if method:
            methods[name] = method
    if described.get("unhashable") is True and not is_exception:
        methods["__hash__"] = None
    elif "__eq__" in methods and "__hash__" not in methods:
        methods["__hash__"] = object.__hash__
    if content:
        # isinstance asks for it; the container itself stays where it is
        methods["__class__"] = property(lambda _: content)
    if value is tuple:
        for index, field in enumerate(check_list(described.get("fields"))):
            if check_text(field).startswith("_"):
                raise LostError("a tuple with an impossible field")
            methods[field] = property(operator.itemgetter(index))
        methods["_fields"] = tuple(described["fields"])
    return methods


def _create(
    name: str, bases: list[type], namespace: dict[str, Any], value: type | None, *, is_exception: bool
) -> RemoteMeta:
    """The class with as many of `bases` as go together."""
    rid = namespace.pop(RID)
    if is_exception:
        root: tuple[type, ...] = (RemoteError, Exception)
    else:
        root = (Remote, value) if value else (RemoteObject,)
        if not value:
            namespace["__slots__"] = ()
    missing = tuple(part for part in root if not any(issubclass(base, part) for base in bases))
    for chosen in (tuple(dict.fromkeys(bases)) + missing, missing + tuple(dict.fromkeys(bases)), root):
        try:
            cls = type.__new__(RemoteMeta, name, chosen, dict(namespace))
        except TypeError:
            continue
        # beside the slot of the same name that instances have
        type.__setattr__(cls, "_class_number", rid)
        if "__slots__" in namespace:
            type.__delattr__(cls, "__slots__")
        return cls
    raise LostError("a class that cannot be")


def _find_base(peer: TestsPeer, described: Any) -> type:
    tag, *rest = check_list(described)
    if tag == "k":
        return peer.decode(described)  # type: ignore[no-any-return]
    if tag == "n":
        found = getattr(builtins, check_text(rest[0]), None)
    else:
        found = find_standard_class(check_text(rest[0]), check_text(rest[1])) or Exception
    if not isinstance(found, type) or not (issubclass(found, BaseException) or found in VALUE_BASES):
        raise LostError("a class with an impossible base")
    return found
