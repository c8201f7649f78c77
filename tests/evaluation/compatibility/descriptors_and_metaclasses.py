"""Descriptors, class decorators, metaclasses, registries, __init_subclass__, generics and dynamic attributes."""
# ruff: noqa

from abc import ABC, abstractmethod
from typing import Generic, Protocol, TypeVar, runtime_checkable

T = TypeVar("T")


class Positive:
    def __set_name__(self, owner, name):
        self._name = "_" + name

    def __get__(self, instance, owner=None):
        return self if instance is None else getattr(instance, self._name)

    def __set__(self, instance, value):
        if value <= 0:
            raise ValueError(f"{self._name[1:]} must be positive")
        setattr(instance, self._name, value)


class Product:
    price = Positive()
    stock = Positive()

    def __init__(self, price, stock):
        self.price, self.stock = price, stock


class Registry(type):
    classes = {}

    def __new__(mcs, name, bases, namespace, **options):
        cls = super().__new__(mcs, name, bases, namespace)
        mcs.classes[options.get("key", name.lower())] = cls
        return cls

    def __init__(cls, name, bases, namespace, **options):
        super().__init__(name, bases, namespace)

    def __len__(cls):
        return len(cls.__name__)


class Shape(metaclass=Registry):
    pass


class Circle(Shape, key="o"):
    def area(self):
        return 3


class Singleton(type):
    _made = {}

    def __call__(cls, *arguments):
        if cls not in cls._made:
            cls._made[cls] = super().__call__(*arguments)
        return cls._made[cls]


class Config(metaclass=Singleton):
    def __init__(self, value=1):
        self.value = value


class Plugin:
    known = []

    def __init_subclass__(cls, *, order=0):
        cls.order = order
        Plugin.known.append(cls)


class Late(Plugin, order=9):
    pass


class Early(Plugin, order=1):
    pass


def comparable(cls):
    cls.__eq__ = lambda self, other: type(self) is type(other) and vars(self) == vars(other)
    cls.__hash__ = lambda self: hash(tuple(vars(self).values()))
    return cls


@comparable
class Pair(Generic[T]):
    def __init__(self, left: T, right: T):
        self.left, self.right = left, right


class Record:
    def __init__(self, **fields):
        self.__dict__.update(fields)

    def __getattr__(self, name):
        if name.startswith("get_"):
            return lambda: getattr(self, name[4:])
        raise AttributeError(f"no field {name}")

    def __setattr__(self, name, value):
        raise TypeError("a record cannot change")

    def __dir__(self):
        return ["b", "a"]


@runtime_checkable
class Closable(Protocol):
    def close(self): ...


class Task(ABC):
    @abstractmethod
    def run(self): ...

    def twice(self):
        return self.run() + self.run()


class Hello(Task):
    def run(self):
        return "hi"


# ---- hidden tests ----

import pytest
from solution import (
    Circle,
    Closable,
    Config,
    Early,
    Hello,
    Late,
    Pair,
    Plugin,
    Positive,
    Product,
    Record,
    Registry,
    Shape,
    Task,
)


def test_descriptor():
    product = Product(5, 1)
    product.price = 7
    assert product.price == 7 and isinstance(Product.price, Positive)
    with pytest.raises(ValueError, match="stock must be positive"):
        product.stock = 0
    with pytest.raises(ValueError, match="price"):
        Product(-1, 1)
    assert product.stock == 1 and vars(product) == {"_price": 7, "_stock": 1}


def test_registry():
    assert Registry.classes == {"shape": Shape, "o": Circle} and Registry.classes["o"]().area() == 3
    assert len(Circle) == 6 and isinstance(Circle(), Shape)


def test_singleton():
    assert Config(5) is Config() and Config().value == 5


def test_subclasses():
    assert Plugin.known == [Late, Early] and [cls.order for cls in sorted(Plugin.known, key=lambda c: c.order)] == [
        1,
        9,
    ]
    assert [cls.__name__ for cls in Plugin.known] == ["Late", "Early"] and issubclass(Late, Plugin)


def test_decorated():
    assert Pair(1, "a") == Pair(1, "a") != Pair(2, "a") and len({Pair(1, 2), Pair(1, 2)}) == 1
    assert Pair[int](1, 2).left == 1 and Pair.__name__ == "Pair"


def test_dynamic():
    record = Record(a=1, b=2)
    assert record.a == 1 and record.get_b() == 2 and getattr(record, "c", None) is None and not hasattr(record, "z")
    with pytest.raises(AttributeError, match="no field c"):
        record.c
    with pytest.raises(TypeError, match="cannot change"):
        record.a = 2
    assert dir(record) == ["a", "b"] and record.__dict__ == {"a": 1, "b": 2}


def test_protocol():
    class Door:
        def close(self):
            return "shut"

    assert isinstance(Door(), Closable) and not isinstance(3, Closable)


def test_abstract():
    assert Hello().twice() == "hihi" and isinstance(Hello(), Task) and Task.run.__isabstractmethod__
    with pytest.raises(TypeError, match="abstract"):
        Task()
