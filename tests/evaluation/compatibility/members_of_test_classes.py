"""Decorated methods and descriptors of the solution in the bodies of the tests' classes."""
# ruff: noqa

import functools
import inspect


def memoize(function):
    cache = {}

    @functools.wraps(function)
    def wrapper(*args):
        if args not in cache:
            cache[args] = function(*args)
        return cache[args]

    wrapper.cache_clear = cache.clear
    return wrapper


def retry(times, on=Exception):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            for attempt in range(times):
                try:
                    return function(*args, **kwargs)
                except on:
                    if attempt == times - 1:
                        raise

        return wrapper

    return decorate


def traced(log):
    def decorate(function):
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def wrapper(self, *args):
                log.append(f"{type(self).__name__}.{function.__name__}")
                return await function(self, *args)
        else:

            @functools.wraps(function)
            def wrapper(self, *args):
                log.append(f"{type(self).__name__}.{function.__name__}")
                return function(self, *args)

        return wrapper

    return decorate


class lazy_property:
    def __init__(self, function):
        self.function = function
        self.__doc__ = function.__doc__

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        value = self.function(instance)
        instance.__dict__[self.name] = value
        return value


class Validated:
    def __init__(self, kind, check=None):
        self.kind, self.check = kind, check

    def __set_name__(self, owner, name):
        self.label = f"{owner.__name__}.{name}"
        self.private = "_" + name

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        try:
            return getattr(instance, self.private)
        except AttributeError:
            raise AttributeError(f"{self.label} is not set") from None

    def __set__(self, instance, value):
        if not isinstance(value, self.kind):
            raise TypeError(f"{self.label}: expected {self.kind.__name__}, got {type(value).__name__}")
        if self.check and not self.check(value):
            raise ValueError(f"{self.label}: bad value {value!r}")
        setattr(instance, self.private, value)


class Positive:
    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner=None):
        return self if instance is None else instance.__dict__[self.name]

    def __set__(self, instance, value):
        if value <= 0:
            raise ValueError(f"{self.name} must be positive")
        instance.__dict__[self.name] = value


class classproperty:
    def __init__(self, function):
        self.function = function

    def __get__(self, instance, owner):
        return self.function(owner)


# ---- hidden tests ----

import asyncio

import pytest
import solution
from solution import Positive, Validated, classproperty, lazy_property, memoize, retry, traced

LOG = []


class Person:
    name = Validated(str, lambda text: text.strip())
    age: int = Validated(int)

    def __init__(self, name, age):
        self.name = name
        self.age = age


class Account:
    balance = Positive()
    limit = solution.Positive()

    def __init__(self, balance, limit=10):
        self.balance, self.limit = balance, limit

    @traced(LOG)
    def double(self, factor):
        """Twice as much."""
        self.balance = self.balance * factor
        return self.balance

    @traced(LOG)
    async def fetch(self):
        await asyncio.sleep(0)
        return self.limit


class Report:
    computed = 0

    def __init__(self, rows):
        self.rows = rows

    @lazy_property
    def total(self):
        """The sum."""
        Report.computed += 1
        return sum(self.rows)

    @classproperty
    def title(cls):
        return cls.__name__.upper()


class Monthly(Report):
    pass


def test_memoized_methods_are_bound():
    class Fibonacci:
        calls = 0

        @memoize
        def value(self, n):
            """Of n."""
            Fibonacci.calls += 1
            return n if n < 2 else self.value(n - 1) + self.value(n - 2)

    one = Fibonacci()
    assert one.value(12) == 144 and Fibonacci.calls == 13
    assert one.value(12) == 144 and Fibonacci.calls == 13
    assert Fibonacci().value(1) == 1 and Fibonacci.calls == 14
    assert Fibonacci.value.__name__ == "value" and Fibonacci.value.__doc__ == "Of n."
    Fibonacci.value.cache_clear()
    assert one.value(1) == 1 and Fibonacci.calls == 15


def test_retried_methods():
    class Client:
        def __init__(self, failures):
            self.failures = failures

        @retry(3, on=ConnectionError)
        def fetch(self, path, *, upper=False):
            if self.failures:
                self.failures -= 1
                raise ConnectionError(path)
            return path.upper() if upper else path

        @staticmethod
        @retry(2)
        def clean(path):
            return path.strip()

        @classmethod
        @retry(2)
        def make(cls):
            return cls(0)

    assert Client(2).fetch("a", upper=True) == "A"
    with pytest.raises(ConnectionError, match="b"):
        Client(3).fetch("b")
    assert Client.clean(" c ") == Client(0).clean(" c ") == "c"
    assert type(Client.make()) is Client


def test_traced_methods():
    LOG.clear()
    account = Account(2)
    assert account.double(3) == 6 and account.balance == 6
    assert asyncio.run(account.fetch()) == 10
    assert LOG == ["Account.double", "Account.fetch"]
    assert Account.double.__doc__ == "Twice as much."


def test_validated():
    person = Person("ann", 30)
    assert (person.name, person.age) == ("ann", 30)
    person.age += 1
    assert person.age == 31 and Person("bob", 5).age == 5
    with pytest.raises(TypeError, match="Person.age: expected int, got str"):
        person.age = "old"
    with pytest.raises(ValueError, match="Person.name: bad value ' '"):
        Person(" ", 1)
    assert person.age == 31 and isinstance(Person.name, Validated)


def test_what_was_never_set():
    person = Person.__new__(Person)
    with pytest.raises(AttributeError, match="Person.age is not set"):
        person.age
    assert not hasattr(person, "name")


def test_values_in_the_dictionary_of_the_object():
    account = Account(5)
    assert account.__dict__ == {"balance": 5, "limit": 10}
    with pytest.raises(ValueError, match="limit must be positive"):
        account.limit = 0
    assert vars(account)["limit"] == 10


def test_lazy_values_are_computed_once():
    Report.computed = 0
    report = Report([1, 2])
    assert "total" not in vars(report)
    assert (report.total, report.total, Report.computed) == (3, 3, 1)
    assert vars(report)["total"] == 3
    report.total = 9
    assert report.total == 9 and Monthly([4]).total == 4 and Report.computed == 2
    assert isinstance(Report.total, lazy_property)


def test_properties_of_classes():
    assert Report.title == "REPORT" and Monthly.title == Monthly([]).title == "MONTHLY"
