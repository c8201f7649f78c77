"""Classes of the tests in the place of the solution's collaborators, and context managers made of functions."""
# ruff: noqa

from contextlib import ExitStack
from datetime import date, datetime, timedelta


class Session:
    def __init__(self):
        self.created = datetime.now()

    def expired(self):
        return datetime.now() - self.created >= timedelta(minutes=30)


def days_left(deadline):
    return (deadline - date.today()).days


def describe(plugin):
    return f"{plugin.name} {plugin.version}: {plugin.parse('7')}"


def names(kinds):
    return [kind.name for kind in sorted(kinds, key=lambda kind: kind.order)]


def using(manager, function):
    with manager as entered:
        return function(entered)


def using_all(managers):
    with ExitStack() as stack:
        return [stack.enter_context(manager) for manager in managers]


async def using_async(manager):
    async with manager as entered:
        return entered


def price(amount, rate):
    return amount * rate


# ---- hidden tests ----

import asyncio
import enum
from contextlib import asynccontextmanager, contextmanager, nullcontext
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
import solution
from solution import Session, days_left, describe, names, price, using, using_all, using_async


class Frozen(datetime):
    current = datetime(2024, 1, 1)

    @classmethod
    def now(cls, tz=None):
        return cls.current


class Today(date):
    @classmethod
    def today(cls):
        return cls(2024, 2, 27)


class Json:
    name, version, order = "json", 2, 1
    parse = staticmethod(int)


class Yaml(Json):
    name, order = "yaml", 0


class Kind(enum.Enum):
    A = 1

    @property
    def order(self):
        return 0


def test_now(monkeypatch):
    monkeypatch.setattr(solution, "datetime", Frozen)
    session = Session()
    assert session.created == datetime(2024, 1, 1) and not session.expired()
    Frozen.current += timedelta(minutes=30)
    assert session.expired()


def test_today(monkeypatch):
    monkeypatch.setattr(solution, "date", Today)
    assert days_left(date(2024, 3, 1)) == days_left(Today(2024, 3, 1)) == 3


def test_decimal():
    class Rate(Decimal):
        pass

    assert price(Decimal("2.5"), Rate("2")) == Decimal("5.0")


def test_attributes_of_classes():
    assert describe(Json) == "json 2: 7" and names([Json, Yaml]) == ["yaml", "json"]
    assert names([Kind.A]) == ["A"]


def test_managers():
    log = []

    @contextmanager
    def opened(name):
        log.append(f"+{name}")
        try:
            yield name
        finally:
            log.append(f"-{name}")

    assert using(opened("a"), str.upper) == "A" and using(nullcontext(5), str) == "5"
    with pytest.raises(ZeroDivisionError):
        using(opened("b"), lambda _: 1 / 0)
    assert using_all([opened("c"), opened("d")]) == ["c", "d"]
    assert log == ["+a", "-a", "+b", "-b", "+c", "+d", "-d", "-c"]


def test_async_manager():
    @asynccontextmanager
    async def opened():
        yield "in"

    assert asyncio.run(using_async(opened())) == "in"
