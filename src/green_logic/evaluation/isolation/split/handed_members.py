"""What the stand-ins for objects of the tests' classes have: attributes, methods and `__dict__`, all asked for."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

from green_logic.evaluation.isolation.split.handed import NUMBER, PEER

METHOD = "__handed_method__"  # attribute of a function that asks the tests for a method of theirs: itself
MARKS = "_handed_marks"  # attribute of a stand-in: names that the solution has set and that stay here


def refer_to_method(value: Any) -> list[Any] | None:
    """How a message names a method that is bound to an object of the tests; None for anything else."""
    if type(value) is not types.MethodType or not isinstance(value.__func__, types.FunctionType):
        return None
    if vars(value.__func__).get(METHOD) is not value.__func__:
        return None  # what wraps one has its attributes
    number = getattr(value.__self__, NUMBER)
    return ["h", number] if value.__name__ == "__call__" else ["A", number, value.__name__]


def bind_method(target: Any, name: str) -> Any:
    """A public method of an object of the tests."""
    found = getattr(type(target), name, None)
    return types.MethodType(found if isinstance(found, types.FunctionType) else _method("method", name), target)


def _get(self: Any, name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
    return getattr(self, PEER).request("get", getattr(self, NUMBER), name)


def _set(self: Any, name: str, value: Any) -> None:
    """A mark with an underscore stays on this side, where nobody but the solution sees it."""
    if name.startswith("_"):
        object.__setattr__(self, name, value)
        object.__setattr__(self, MARKS, {*getattr(self, MARKS, ()), name})
    else:
        getattr(self, PEER).request("set", getattr(self, NUMBER), name, value)


def _ask_for(op: str) -> Callable[..., Any]:
    return lambda self, *_: getattr(self, PEER).request(op, getattr(self, NUMBER))


class Attributes(dict[str, Any]):
    """`__dict__` of an object of the tests: its public attributes and the solution's marks. What is put in is set."""

    def __init__(self, owner: Any) -> None:
        marks = {name: getattr(owner, name) for name in getattr(owner, MARKS, ())}
        super().__init__(marks | dict(_ask_for("vars")(owner)))
        self._owner = owner

    def __setitem__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            setattr(self._owner, name, value)
        else:
            getattr(self._owner, PEER).request("store", getattr(self._owner, NUMBER), name, value)
        super().__setitem__(name, value)

    def update(self, *others: Any, **named: Any) -> None:
        """As of a dictionary."""
        for name, value in dict(*others, **named).items():
            self[name] = value

    def setdefault(self, name: str, default: Any = None) -> Any:
        """As of a dictionary."""
        if name not in self:
            self[name] = default
        return self[name]


BASIC_METHODS: dict[str, Any] = {
    "__getattr__": _get,
    "__setattr__": _set,
    "__dict__": property(Attributes),
    "__copy__": _ask_for("copy"),
    "__deepcopy__": _ask_for("deepcopy"),
}


def _method(op: str, name: str) -> Callable[..., Any]:
    def method(self: Any, *arguments: Any, **named: Any) -> Any:
        return getattr(self, PEER).request(op, getattr(self, NUMBER), name, *arguments, **named)

    return _name_method(method, name)


def _async_method(op: str, name: str) -> Callable[..., Any]:
    async def method(self: Any, *arguments: Any, **named: Any) -> Any:
        return await getattr(self, PEER).request(op, getattr(self, NUMBER), name, *arguments, **named)

    return _name_method(method, name)


def _name_method(method: Callable[..., Any], name: str) -> Callable[..., Any]:
    method.__name__ = method.__qualname__ = name
    setattr(method, METHOD, method)
    return method


def _constructor(name: str) -> Callable[..., Any]:
    def refuse(self: Any, *_: Any, **__: Any) -> None:
        raise TypeError(f"{type(self).__name__}: an object of the tests is made by calling its class")

    return _name_method(refuse, name)


# what a member of a class is -> what stands for it
FORMS: dict[str, Callable[[str], Any]] = {
    "function": functools.partial(_method, "method"),
    "async function": functools.partial(_async_method, "method"),
    "call": functools.partial(_method, "call"),
    "async call": functools.partial(_async_method, "call"),
    "property": lambda name: property(lambda self: _get(self, name)),
    "init": _constructor,
}
