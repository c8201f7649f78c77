"""Threads and event loops of both sides that see a class of the tests for the first time."""
# ruff: noqa

import asyncio, threading
from concurrent.futures import ThreadPoolExecutor


def kind(o):
    return type(o)


def kinds(os):
    return [type(o) for o in os]


def pooled(objs):
    with ThreadPoolExecutor(4) as p:
        return list(p.map(lambda o: (type(o).__name__, o.get()), objs))


async def asy(o):
    await asyncio.sleep(0)
    return isinstance(o, type(o)), await o.run()


def callee(o):
    return o.__call__


def deep(c):
    return c.__name__


# ---- hidden tests ----

import asyncio, threading, dataclasses, enum
from concurrent.futures import ThreadPoolExecutor
import pytest, solution as s


def make(n):
    class K:
        def get(self) -> "K":
            return n

        async def run(self):
            await asyncio.sleep(0)
            return n

        def __call__(self):
            return n

    K.__name__ = f"K{n}"
    return K


KS = [make(n) for n in range(8)]


def test_threads():
    with ThreadPoolExecutor(4) as p:
        for K in KS:
            assert list(p.map(s.kind, [K() for _ in range(8)])) == [K] * 8


def test_pooled():
    ks = [make(n)() for n in range(8)]
    assert s.pooled(ks) == [(f"K{n}", n) for n in range(8)]


def test_async_pool():
    async def main():
        k = make(3)()
        t = asyncio.create_task(s.asy(k))
        await asyncio.sleep(0)
        with ThreadPoolExecutor(2) as p:
            got = list(p.map(s.kind, [k, k, make(4)()]))
        return got[0] is type(k), await t

    assert asyncio.run(main()) == (True, (True, 3))


def test_callee():
    k = KS[0]()
    assert s.callee(k)() == 0


def test_after():
    assert s.kind(KS[1]()) is KS[1]
