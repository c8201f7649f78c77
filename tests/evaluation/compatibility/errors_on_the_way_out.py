"""Exceptions that the tests define and raise below a context manager of the solution."""
# ruff: noqa

from contextlib import asynccontextmanager, contextmanager

log = []


@contextmanager
def section(name):
    log.append(f"in {name}")
    try:
        yield name
    except ValueError as error:
        log.append(f"bad {error}")
        raise
    finally:
        log.append(f"out {name}")


@asynccontextmanager
async def session():
    try:
        yield 1
    finally:
        log.append("closed")


class Guard:
    seen = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.seen = (kind.__name__, issubclass(kind, ValueError), isinstance(error, kind), str(error))
        return issubclass(kind, KeyError)


# ---- hidden tests ----

import asyncio

import pytest
from solution import Guard, log, section, session


class Boom(Exception):
    pass


class Bad(ValueError):
    pass


class Gone(KeyError):
    pass


def test_it_passes_through_a_generator():
    with pytest.raises(Boom, match="why"), section("a"):
        raise Boom("why")
    assert log == ["in a", "out a"]


def test_it_is_caught_by_its_base_and_raised_again():
    with pytest.raises(Bad), section("b"):
        raise Bad("no")
    assert log[-2:] == ["bad no", "out b"]


def test_its_class_has_its_name_and_its_base():
    guard = Guard()
    with pytest.raises(Bad), guard:
        raise Bad("v")
    assert guard.seen == ("Bad", True, True, "v")


def test_it_may_be_swallowed():
    with Guard() as guard:
        raise Gone("k")
    assert guard.seen[0] == "Gone"


def test_it_leaves_an_async_one():
    async def go():
        async with session():
            raise Boom("late")

    with pytest.raises(Boom, match="late"):
        asyncio.run(go())
    assert log[-1] == "closed"
