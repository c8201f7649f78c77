"""functools.singledispatch, as a function and as a method, also for classes that the tests define."""
# ruff: noqa

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import singledispatch, singledispatchmethod


@dataclass
class Money:
    amount: Decimal
    currency: str = "EUR"


@singledispatch
def to_json(value):
    raise TypeError(f"cannot serialise {type(value).__name__}")


@to_json.register(int)
@to_json.register(str)
def _(value):
    return value


@to_json.register
def _(value: Decimal):
    return str(value)


@to_json.register
def _(value: date):
    return value.isoformat()


@to_json.register(list)
@to_json.register(tuple)
def _(value):
    return [to_json(item) for item in value]


@to_json.register
def _(value: dict):
    return {key: to_json(item) for key, item in value.items()}


@to_json.register
def _(value: Money):
    return {"amount": to_json(value.amount), "currency": value.currency}


class Printer:
    @singledispatchmethod
    def show(self, value):
        return f"<{value}>"

    @show.register
    def _(self, value: int):
        return f"int {value}"

    @show.register
    def _(self, value: list):
        return " ".join(self.show(item) for item in value)


# ---- hidden tests ----

from datetime import date
from decimal import Decimal

import pytest
from solution import Money, Printer, to_json


class Celsius:
    def __init__(self, degrees):
        self.degrees = degrees


def test_plain_values():
    assert to_json(3) == 3 and to_json("a") == "a"
    assert to_json(Decimal("1.50")) == "1.50"
    assert to_json(date(2024, 2, 29)) == "2024-02-29"


def test_containers():
    assert to_json([1, ("a", Decimal("2")), {"d": date(2020, 1, 2)}]) == [1, ["a", "2"], {"d": "2020-01-02"}]


def test_own_class():
    assert to_json(Money(Decimal("9.99"))) == {"amount": "9.99", "currency": "EUR"}
    assert to_json({"price": Money(Decimal("1"), "USD")}) == {"price": {"amount": "1", "currency": "USD"}}


def test_unknown():
    with pytest.raises(TypeError, match="cannot serialise set"):
        to_json({1})
    with pytest.raises(TypeError):
        to_json(object())


def test_registered_by_the_test():
    to_json.register(complex, lambda value: [value.real, value.imag])
    assert to_json([1 + 2j]) == [[1.0, 2.0]]


def test_dispatch_table():
    assert to_json.dispatch(bool) is to_json.dispatch(int)


def test_method():
    printer = Printer()
    assert printer.show(1) == "int 1" and printer.show("x") == "<x>" and printer.show([1, 2.5]) == "int 1 <2.5>"
