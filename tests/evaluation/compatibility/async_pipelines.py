"""asyncio queues, gather, semaphores, timeouts, task groups and cancellation."""
# ruff: noqa

import asyncio


async def crawl(start, fetch, limit=2):
    seen, found, queue, gate = {start}, [], asyncio.Queue(), asyncio.Semaphore(limit)
    queue.put_nowait(start)

    async def worker():
        while True:
            page = await queue.get()
            async with gate:
                links = await fetch(page)
            found.append(page)
            for link in links:
                if link not in seen:
                    seen.add(link)
                    queue.put_nowait(link)
            queue.task_done()

    workers = [asyncio.create_task(worker()) for _ in range(limit)]
    await queue.join()
    for task in workers:
        task.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    return sorted(found)


async def produce(queue, items):
    for item in items:
        await queue.put(item)
    await queue.put(None)


async def consume(queue):
    found = []
    while (item := await queue.get()) is not None:
        found.append(item)
    return found


async def retry(function, attempts=3, delay=0.001):
    for attempt in range(attempts):
        try:
            return await function()
        except ConnectionError:
            if attempt == attempts - 1:
                raise
            await asyncio.sleep(delay)


async def first_of(*awaitables):
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    return done.pop().result()


async def within(seconds, awaitable):
    try:
        return await asyncio.wait_for(awaitable, seconds)
    except asyncio.TimeoutError:
        return "late"


async def total(*functions):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(function()) for function in functions]
    return sum(task.result() for task in tasks)


class Pool:
    def __init__(self, size):
        self._free = asyncio.Semaphore(size)
        self.busy = self.most = 0

    async def __aenter__(self):
        await self._free.acquire()
        self.busy += 1
        self.most = max(self.most, self.busy)
        return self

    async def __aexit__(self, *error):
        self.busy -= 1
        self._free.release()


async def ticks(count):
    for n in range(count):
        await asyncio.sleep(0)
        yield n


# ---- hidden tests ----

import asyncio

import pytest
from solution import Pool, consume, crawl, first_of, produce, retry, ticks, total, within

PAGES = {"a": ["b", "c"], "b": ["c", "d"], "c": [], "d": ["a"]}


async def nap(seconds, value):
    await asyncio.sleep(seconds)
    return value


def test_crawl():
    running, most = 0, 0

    async def fetch(page):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.002)
        running -= 1
        return PAGES[page]

    assert asyncio.run(crawl("a", fetch)) == ["a", "b", "c", "d"] and most <= 2


def test_queue_of_the_test():
    async def main():
        queue = asyncio.Queue(maxsize=1)
        _, found = await asyncio.gather(produce(queue, [1, 2, 3]), consume(queue))
        return found, queue.empty()

    assert asyncio.run(main()) == ([1, 2, 3], True)


def test_retry():
    tries = []

    async def flaky():
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError("down")
        return "up"

    assert asyncio.run(retry(flaky)) == "up" and len(tries) == 3


def test_retry_gives_up():
    async def broken():
        raise ConnectionError("down")

    with pytest.raises(ConnectionError, match="down"):
        asyncio.run(retry(broken, attempts=2))


def test_other_errors_are_not_retried():
    tries = []

    async def wrong():
        tries.append(1)
        raise ValueError("no")

    with pytest.raises(ValueError):
        asyncio.run(retry(wrong))
    assert tries == [1]


def test_first():
    assert asyncio.run(first_of(nap(0.5, "slow"), nap(0.001, "fast"))) == "fast"


def test_timeout():
    assert asyncio.run(within(0.005, nap(1, "x"))) == "late" and asyncio.run(within(1, nap(0, "x"))) == "x"


def test_cancelled_inside():
    states = []

    async def work():
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            states.append("cancelled")
            raise

    assert asyncio.run(within(0.005, work())) == "late" and states == ["cancelled"]


def test_group():
    async def one():
        return 1

    async def two():
        await asyncio.sleep(0.001)
        return 2

    assert asyncio.run(total(one, two, two)) == 5


def test_group_fails():
    async def bad():
        raise LookupError("lost")

    async def slow():
        await asyncio.sleep(5)
        return 1

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(total(bad, slow))
    assert [str(error) for error in caught.value.exceptions] == ["lost"]


def test_pool():
    async def main():
        pool = Pool(2)

        async def use():
            async with pool as held:
                assert held is pool
                await asyncio.sleep(0.001)

        await asyncio.gather(*(use() for _ in range(5)))
        return pool.busy, pool.most

    assert asyncio.run(main()) == (0, 2)


def test_ticks():
    async def main():
        return [n async for n in ticks(3)], [n * 2 async for n in ticks(4) if n % 2]

    assert asyncio.run(main()) == ([0, 1, 2], [2, 6])


def test_gathered_exceptions():
    async def main():
        return await asyncio.gather(retry(lambda: nap(0, 1)), within(0.001, nap(1, 2)), return_exceptions=True)

    assert asyncio.run(main()) == [1, "late"]
