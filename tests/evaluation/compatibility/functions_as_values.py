"""Partials, closures, compositions, pipelines, memoising decorators and methods handed around as values."""
# ruff: noqa

import functools
import operator


def compose(*functions):
    return functools.reduce(lambda f, g: lambda x: f(g(x)), functions)


def curry(function, count):
    def take(*arguments):
        return function(*arguments) if len(arguments) >= count else functools.partial(take, *arguments)

    return take


def power(exponent):
    return functools.partial(pow, exp=exponent)


def counter(start=0):
    count = start

    def up(by=1):
        nonlocal count
        count += by
        return count

    def reset():
        nonlocal count
        count = start

    up.reset = reset
    return up


def memoise(function):
    cache = {}

    @functools.wraps(function)
    def wrapper(*arguments, **named):
        key = (arguments, tuple(sorted(named.items())))
        if key not in cache:
            cache[key] = function(*arguments, **named)
        return cache[key]

    wrapper.cache = cache
    return wrapper


def retry(times, errors=(Exception,)):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*arguments, **named):
            for attempt in range(times):
                try:
                    return function(*arguments, **named)
                except errors:
                    if attempt == times - 1:
                        raise

        return wrapper

    return decorate


class Pipeline:
    def __init__(self, *steps):
        self.steps = list(steps)

    def __or__(self, step):
        return Pipeline(*self.steps, step)

    def __call__(self, value):
        for step in self.steps:
            value = step(value)
        return value


class Events:
    def __init__(self):
        self._handlers = {}

    def on(self, name):
        def register(handler):
            self._handlers.setdefault(name, []).append(handler)
            return handler

        return register

    def off(self, name, handler):
        self._handlers[name].remove(handler)

    def emit(self, name, *arguments, **named):
        return [handler(*arguments, **named) for handler in self._handlers.get(name, [])]


getters = {"length": len, "first": operator.itemgetter(0), "name": operator.attrgetter("name"), "up": str.upper}


# ---- hidden tests ----

import functools

import pytest
from solution import Events, Pipeline, compose, counter, curry, getters, memoise, power, retry


def test_compose():
    assert compose(lambda x: x + 1, lambda x: x * 2)(5) == 11 and compose(str, abs, int)("-3") == "3"


def test_curry():
    add = curry(lambda a, b, c: a + b + c, 3)
    assert add(1)(2)(3) == add(1, 2)(3) == add(1)(2, 3) == 6


def test_partial():
    square = power(2)
    assert square(5) == 25 and list(map(square, [1, 2, 3])) == [1, 4, 9] and square.keywords == {"exp": 2}
    with pytest.raises(TypeError):
        square("x")


def test_closures():
    first, second = counter(), counter(10)
    assert (first(), first(5), second()) == (1, 6, 11)
    first.reset()
    assert first() == 1 and second() == 12


def test_memoised():
    calls = []

    @memoise
    def slow(a, b=0):
        """Adds slowly."""
        calls.append((a, b))
        return a + b

    assert slow(1, b=2) == slow(1, b=2) == 3 and calls == [(1, 2)]
    assert slow.__name__ == "slow" and slow.__doc__ == "Adds slowly." and len(slow.cache) == 1
    with pytest.raises(TypeError):
        slow([1])


def test_retry():
    tries = []

    @retry(3, (KeyError,))
    def flaky(limit):
        tries.append(limit)
        if len(tries) < limit:
            raise KeyError("again")
        return len(tries)

    assert flaky(3) == 3 and tries == [3, 3, 3]
    tries.clear()
    with pytest.raises(KeyError):
        flaky(9)
    assert len(tries) == 3

    @retry(3, (KeyError,))
    def wrong():
        tries.append("wrong")
        raise ValueError

    with pytest.raises(ValueError):
        wrong()
    assert tries[3:] == ["wrong"]


def test_pipeline():
    line = Pipeline(str.strip) | str.upper | (lambda text: text + "!")
    assert line("  hi ") == "HI!" and len(line.steps) == 3 and Pipeline()("x") == "x"
    assert list(map(line, ["a", "b"])) == ["A!", "B!"]


def test_events():
    events, seen = Events(), []

    @events.on("save")
    def first(path, *, mode="w"):
        seen.append((path, mode))
        return 1

    class Handler:
        def handle(self, path, mode="x"):
            return mode

    handler = Handler()
    events.on("save")(handler.handle)
    assert events.emit("save", "p", mode="a") == [1, "a"] and seen == [("p", "a")] and events.emit("none") == []
    events.off("save", first)
    events.off("save", handler.handle)
    assert events.emit("save", "q") == []
    with pytest.raises(ValueError):
        events.off("save", first)


def test_getters():
    class Thing:
        name = "n"

    assert getters["length"]([1, 2]) == 2 and getters["first"]("ab") == "a" and getters["name"](Thing()) == "n"
    assert getters["up"]("x") == "X" and sorted([[2], [1]], key=getters["first"]) == [[1], [2]]


def test_reduced():
    assert functools.reduce(compose, [lambda x: x + 1, lambda x: x * 3])(2) == 7
