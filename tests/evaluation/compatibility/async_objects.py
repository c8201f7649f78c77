"""Async context managers, async iterators, async generators, locks, queues, tasks."""
# ruff: noqa

import asyncio


class Session:
    def __init__(self):
        self.events = []

    async def __aenter__(self):
        self.events.append("open")
        return self

    async def __aexit__(self, *exc):
        self.events.append("close")

    async def get(self, n):
        await asyncio.sleep(0)
        return n + 1


class Ticker:
    def __init__(self, n):
        self.n = n

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.n == 0:
            raise StopAsyncIteration
        self.n -= 1
        return self.n


async def numbers(n, log=None):
    try:
        for i in range(n):
            await asyncio.sleep(0)
            yield i
    finally:
        if log is not None:
            log.append("closed")


async def consume(source):
    return [item async for item in source]


class Pool:
    def __init__(self, size):
        self._semaphore, self.busy, self.most = asyncio.Semaphore(size), 0, 0

    async def run(self, job):
        async with self._semaphore:
            self.busy += 1
            self.most = max(self.most, self.busy)
            try:
                return await job()
            finally:
                self.busy -= 1


async def worker(queue, out):
    while (item := await queue.get()) is not None:
        out.append(item * 2)


# ---- hidden tests ----

import asyncio
import pytest
from solution import Pool, Session, Ticker, consume, numbers, worker


def test_context():
    async def main():
        async with Session() as session:
            assert await session.get(1) == 2
        return session.events

    assert asyncio.run(main()) == ["open", "close"]


def test_iterator():
    async def main():
        return [n async for n in Ticker(3)]

    assert asyncio.run(main()) == [2, 1, 0]


def test_generator():
    async def main():
        log, seen = [], []
        async for n in numbers(3, log):
            seen.append(n)
        return log, seen

    assert asyncio.run(main()) == (["closed"], [0, 1, 2])


def test_anext():
    async def main():
        source = numbers(2)
        first = await source.__anext__()
        await source.aclose()
        return first

    assert asyncio.run(main()) == 0


def test_our_generator():
    async def source():
        for n in (1, 2):
            await asyncio.sleep(0)
            yield n

    assert asyncio.run(consume(source())) == [1, 2]


def test_pool():
    async def main():
        pool = Pool(2)

        async def job():
            await asyncio.sleep(0.01)
            return "x"

        results = await asyncio.gather(*(pool.run(job) for _ in range(5)))
        return results, pool.most

    assert asyncio.run(main()) == (["x"] * 5, 2)


def test_queue():
    async def main():
        queue, out = asyncio.Queue(), []
        task = asyncio.create_task(worker(queue, out))
        for n in (1, 2, None):
            await queue.put(n)
        await asyncio.wait_for(task, 5)
        return out

    assert asyncio.run(main()) == [2, 4]
