"""Instances: attributes, methods, class methods, static methods, inheritance, isinstance."""
# ruff: noqa


class Animal:
    kind = "animal"
    made = 0

    def __init__(self, name):
        self.name = name
        Animal.made += 1

    def speak(self):
        return f"{self.name} makes {self.sound()}"

    def sound(self):
        return "noise"

    @classmethod
    def parse(cls, text):
        return cls(text.strip())

    @staticmethod
    def legs():
        return 4


class Dog(Animal):
    kind = "dog"

    def sound(self):
        return "woof"


def make(name):
    return Dog(name)


# ---- hidden tests ----

import pytest
from solution import Animal, Dog, make


def test_method():
    assert Dog("Rex").speak() == "Rex makes woof"


def test_class_method():
    assert Dog.parse(" a ").name == "a" and isinstance(Dog.parse("a"), Dog)


def test_static():
    assert Animal.legs() == 4 and Dog("a").legs() == 4


def test_isinstance():
    assert isinstance(make("a"), Animal) and not isinstance(Animal("a"), Dog) and issubclass(Dog, Animal)
    assert type(make("a")) is Dog and make("a").__class__ is Dog and type(make("a")).__name__ == "Dog"


def test_attributes():
    dog = Dog("a")
    dog.name = "b"
    dog.extra = [1]
    assert (
        dog.name == "b" and dog.extra == [1] and dog.kind == "dog" and hasattr(dog, "name") and not hasattr(dog, "nope")
    )
    del dog.extra
    with pytest.raises(AttributeError):
        dog.extra


def test_class_attribute():
    before = Animal.made
    Dog("x")
    assert Animal.made == before + 1


def test_missing():
    with pytest.raises(AttributeError):
        Dog("a").bark()
    with pytest.raises(TypeError):
        Dog()
