"""A container that builds the tests' classes from their hints and signatures."""
# ruff: noqa

import inspect
import typing


class ResolutionError(Exception):
    pass


class Container:
    def __init__(self, parent=None):
        self._factories = {}
        self._singletons = {}
        self._stack = []

    def register(self, service, implementation=None, *, singleton=False):
        implementation = implementation or service
        if inspect.isclass(implementation) and inspect.isclass(service) and not issubclass(implementation, service):
            raise TypeError(f"{implementation.__name__} is no {service.__name__}")
        if inspect.isabstract(implementation):
            raise TypeError(f"{implementation.__name__} is abstract")
        self._factories[service] = (implementation, singleton)
        return self

    def instance(self, service, instance):
        self._singletons[service] = instance

    def resolve(self, service):
        if service in self._singletons:
            return self._singletons[service]
        if service not in self._factories:
            raise ResolutionError(f"nothing registered for {getattr(service, '__name__', service)}")
        if service in self._stack:
            path = " -> ".join(cls.__name__ for cls in [*self._stack, service])
            raise ResolutionError(f"circular: {path}")
        implementation, singleton = self._factories[service]
        self._stack.append(service)
        try:
            made = implementation(**self._arguments(implementation))
        finally:
            self._stack.pop()
        if singleton:
            self._singletons[service] = made
        return made

    def _arguments(self, implementation):
        function = implementation.__init__ if inspect.isclass(implementation) else implementation
        if function is object.__init__:
            return {}
        hints = typing.get_type_hints(function)
        arguments = {}
        for name, parameter in inspect.signature(implementation).parameters.items():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            hint = hints.get(name)
            if hint in self._factories or hint in self._singletons:
                arguments[name] = self.resolve(hint)
            elif parameter.default is inspect.Parameter.empty:
                raise ResolutionError(f"{implementation.__name__} needs {name}")
        return arguments

    def inject(self, function):
        def call(*arguments, **named):
            given = inspect.signature(function).bind_partial(*arguments, **named).arguments
            return function(*arguments, **{**self._rest(function, given), **named})

        return call

    def _rest(self, function, given):
        hints = typing.get_type_hints(function)
        return {name: self.resolve(hint) for name, hint in hints.items() if name not in given and name != "return"}


# ---- hidden tests ----

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import pytest
from solution import Container, ResolutionError


class Clock:
    def now(self):
        return 12


class Store(ABC):
    @abstractmethod
    def get(self, key): ...


class MemoryStore(Store):
    def __init__(self):
        self.data = {"a": 1}

    def get(self, key):
        return self.data[key]


class Service:
    def __init__(self, store: Store, clock: Clock, retries: int = 3):
        self.store = store
        self.clock = clock
        self.retries = retries

    def read(self, key):
        return self.store.get(key), self.clock.now()


@dataclass
class Handler:
    service: Service
    name: str = "handler"


class A:
    def __init__(self, b: B):
        self.b = b


class B:
    def __init__(self, a: A):
        self.a = a


class Needy:
    def __init__(self, value: int, *rest: int, **more: str):
        self.value = value


def container():
    return Container().register(Clock).register(Store, MemoryStore, singleton=True).register(Service)


def test_a_class_is_built_with_what_it_needs():
    service = container().resolve(Service)
    assert type(service) is Service
    assert service.read("a") == (1, 12)
    assert service.retries == 3


def test_singletons_are_shared():
    c = container()
    first, second = c.resolve(Service), c.resolve(Service)
    assert first is not second
    assert first.store is second.store and first.clock is not second.clock


def test_dataclasses():
    handler = container().register(Handler).resolve(Handler)
    assert isinstance(handler, Handler) and handler.name == "handler" and isinstance(handler.service, Service)


def test_a_given_instance():
    c, clock = container(), Clock()
    c.instance(Clock, clock)
    assert c.resolve(Service).clock is clock and c.resolve(Clock) is clock


def test_a_cycle_is_named():
    c = Container().register(A).register(B)
    with pytest.raises(ResolutionError, match="circular: A -> B -> A"):
        c.resolve(A)


def test_what_is_missing_is_named():
    with pytest.raises(ResolutionError, match="nothing registered for Store"):
        Container().resolve(Store)
    with pytest.raises(ResolutionError, match="Needy needs value"):
        Container().register(Needy).resolve(Needy)


def test_the_wrong_class_is_refused():
    with pytest.raises(TypeError, match="Clock is no Store"):
        Container().register(Store, Clock)
    with pytest.raises(TypeError, match="Store is abstract"):
        Container().register(Store)


def test_factories():
    def make(clock: Clock) -> Store:
        store = MemoryStore()
        store.data["t"] = clock.now()
        return store

    c = Container().register(Clock).register(Store, make)
    assert c.resolve(Store).get("t") == 12


def test_injection_into_functions():
    @container().inject
    def handle(key: str, service: Service) -> tuple:
        return service.read(key)

    assert handle("a") == (1, 12)
    with pytest.raises(KeyError):
        handle("b")
