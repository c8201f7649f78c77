"""Descriptors and decorated methods of the solution in classes of the tests.

Where the text of a test puts one (`needs` says where), it has its say; anywhere else it is an object as any other. For
`__get__` brings the solution the object that the attribute was asked of.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from green_logic.evaluation.isolation.split.describing import DESCRIPTOR_METHODS
from green_logic.evaluation.isolation.split.proxies import number_of


def descriptor_methods(has: frozenset[str]) -> dict[str, Callable[..., Any]]:
    """The methods of a proxy class. `has`: those of the solution's class."""
    if not has:
        return {}
    methods = {name: method for name, method in METHODS.items() if name in has}
    return methods | {"__set_name__": _name_and_tell if "__set_name__" in has else _name}


def _name(self: Any, owner: type, name: str) -> bool:
    peer, is_placed = type(self)._peer, False
    if f"{owner.__name__}.{name}" in peer.places:
        is_placed = True
        peer.placed.setdefault(number_of(self), set()).add(owner)
    return is_placed


def _name_and_tell(self: Any, owner: type, name: str) -> None:
    if _name(self, owner, name):
        type(self)._peer.request("op", number_of(self), "__set_name__", owner, name)


def _get(self: Any, target: Any, owner: type | None = None) -> Any:
    kind = type(target) if owner is None else owner
    if not _is_placed(self, kind):
        # within a classmethod
        return types.MethodType(self, target) if isinstance(target, type) else self
    return type(self)._peer.request("op", number_of(self), "__get__", target, kind)


def _set(self: Any, target: Any, value: Any) -> None:
    if not _is_placed(self, type(target)):
        raise AttributeError("an object of the solution that no test has put there")
    type(self)._peer.request("op", number_of(self), "__set__", target, value)


def _delete(self: Any, target: Any) -> None:
    if not _is_placed(self, type(target)):
        raise AttributeError("an object of the solution that no test has put there")
    type(self)._peer.request("op", number_of(self), "__delete__", target)


def _is_placed(proxy: Any, kind: type) -> bool:
    owners = type(proxy)._peer.placed.get(number_of(proxy), ())
    return any(part in owners for part in kind.__mro__)


METHODS: dict[str, Callable[..., Any]] = dict(zip(DESCRIPTOR_METHODS, (_get, _set, _delete), strict=False))
