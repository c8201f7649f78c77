"""Which attributes of the tests' objects the solution may set: data that the tests made for it, never their own books.

In one process it may set everything. Here a wrong solution must not be able to put right what the tests count, to
replace a method that they call, or to reach beyond the objects that they handed it.
"""

from __future__ import annotations

import abc
import dis
import functools
import inspect
import types
import typing
from collections.abc import Iterator
from typing import Any

from green_logic.evaluation.isolation.split.handing_classes import holds_tests, is_of_tests
from green_logic.evaluation.isolation.split.proxies import is_remote

NEUTRAL_BASES = (object, abc.ABC, typing.Generic, typing.Protocol)
CONSTRUCTORS = frozenset({"__init__", "__post_init__", "__new__", "__setattr__"})
# where what wraps a function has it; of other wrappers nobody knows what they run
WRAPPED: dict[type, tuple[str, ...]] = {
    property: ("fget", "fset", "fdel"),
    classmethod: ("__func__",),
    staticmethod: ("__func__",),
    functools.cached_property: ("func",),
    type(functools.cache(len)): ("__wrapped__",),
}
DATA_TYPES = (type, types.MemberDescriptorType, types.GetSetDescriptorType, types.BuiltinFunctionType)


def set_attribute(target: Any, name: str, value: Any, /) -> None:
    """Set a public attribute of an object that is nothing but the tests'. Raises PermissionError for any other.

    Not one that its class has as a method, nor one that a method of it sets: that is how tests count calls.
    """
    _check_may_set(target, name)
    setattr(target, name, value)


def store_attribute(target: Any, name: str, value: Any, /) -> None:
    """The same for what is put into `__dict__`, past the solution's own descriptors and no others."""
    _check_may_set(target, name)
    kind: Any = type(target)
    found = inspect.getattr_static(kind, name, None)
    if kind.__setattr__ is not object.__setattr__ or (not is_remote(found) and _has(found, "__set__")):
        raise PermissionError(f"the tests' process refuses to set {name} past its class")
    target.__dict__[name] = value


def _check_may_set(target: Any, name: str) -> None:
    if name.startswith("_") or not _may_set(type(target), name):
        raise PermissionError(f"the tests' process refuses to set {name}")


def _may_set(kind: Any, name: str) -> bool:
    if not _is_data(kind):
        return False
    if is_remote(found := inspect.getattr_static(kind, name, None)):
        return True  # the solution's own
    kept = _kept_names(kind)
    return kept is not None and name not in kept and not callable(found) and not _only_gives(found)


@functools.lru_cache(maxsize=256)
def _is_data(kind: Any) -> bool:
    """Whether objects of a class are the tests' alone, and have no tests themselves."""
    is_theirs = kind is not object and all(is_of_tests(part) or part in NEUTRAL_BASES for part in kind.__mro__)
    return is_theirs and not holds_tests(kind)


@functools.lru_cache(maxsize=256)
def _kept_names(kind: Any) -> frozenset[str] | None:
    """Attributes that a class sets in other methods than those that make its objects; None if nobody can tell."""
    kept: set[str] = set()
    for part in filter(is_of_tests, kind.__mro__):
        for name, value in vars(part).items():
            functions = _functions_of(value)
            if functions is None:
                return None
            if name not in CONSTRUCTORS:
                kept.update(*(_stored_names(function.__code__) for function in functions))
    return frozenset(kept)


def _functions_of(value: Any) -> list[types.FunctionType] | None:
    """The functions that a member of a class runs; None if nobody can tell."""
    if is_remote(value):
        return None
    if type(value) in WRAPPED:
        wrapped = [_functions_of(getattr(value, name)) for name in WRAPPED[type(value)]]
        return None if None in wrapped else [function for found in wrapped for function in found or ()]
    if isinstance(value, types.FunctionType):
        inner = inspect.unwrap(value)
        return [value, inner] if isinstance(inner, types.FunctionType) else None
    is_data = isinstance(value, DATA_TYPES) or not (callable(value) or _has(value, "__get__"))
    return [] if is_data else None


def _only_gives(found: Any) -> bool:
    """Whether an attribute of an object would stand before what its class gives for it."""
    return _has(found, "__get__") and not _has(found, "__set__")


def _has(value: object, name: str) -> bool:
    return inspect.getattr_static(type(value), name, None) is not None


def _stored_names(code: types.CodeType) -> Iterator[str]:
    """Names of attributes that `code` and what is defined in it assign or delete."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in {"STORE_ATTR", "DELETE_ATTR"}:
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _stored_names(constant)
