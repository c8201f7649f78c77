"""All proxies of the solution's classes and objects, by their numbers there: one for each, as long as a test has it."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any

from green_logic.evaluation.isolation.split.proxies import RID, RemoteMeta
from green_logic.evaluation.isolation.split.proxy_classes import make_class, parse_description
from green_logic.evaluation.isolation.split.values import check_number
from green_logic.evaluation.isolation.split.wire import LostError

if TYPE_CHECKING:
    from green_logic.evaluation.isolation.split.tester import TestsPeer


class Proxies:
    """The proxies of one conversation."""

    def __init__(self, peer: TestsPeer) -> None:
        self._peer = peer
        self._lock = threading.RLock()
        self._classes: dict[int, RemoteMeta] = {}
        self._objects: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self._values: dict[int, Any] = {}  # what is a number or a tuple cannot be referred to weakly

    def class_of(self, number: int) -> RemoteMeta:
        """The proxy class for one of the solution's classes."""
        cls = self._classes.get(number)
        if cls is None:
            made = make_class(self._peer, number, parse_description(self._peer.request("class", number)))
            cls = self._classes.setdefault(number, made)
        return cls

    def of(self, number: int, cls: Any, *value: Any) -> Any:
        """The one proxy for an object of S; `value`: the builtin one that it carries."""
        with self._lock:
            proxy = self._find(number)
            if proxy is None:
                proxy = cls.__new__(cls, *value)
                object.__setattr__(proxy, RID, number)
                if value:
                    self._values[number] = proxy
                else:
                    self._objects[number] = proxy
            return proxy

    def read(self, data: list[Any]) -> Any:
        """The proxy that `["r", number, class]` or `["w", number, class, value]` asks for. Raises LostError."""
        tag = data[0]
        number = check_number(data[1])
        cls: Any = self.class_of(check_number(data[2]))
        known = self._values.get(number) if tag == "w" else self._objects.get(number)
        if known is not None:
            return known
        base = type.__getattribute__(cls, "_value")
        if (tag == "w") != (base is not None) or issubclass(cls, BaseException):
            raise LostError("an object that does not fit its class")
        if tag == "r":
            return self.of(number, cls)
        value = self._peer.decode(data[3])
        if type(value) is not base:
            raise LostError("a value that does not fit its class")
        return self.of(number, cls, value)

    def _find(self, number: int) -> Any:
        known = self._objects.get(number)
        return self._values.get(number) if known is None else known
