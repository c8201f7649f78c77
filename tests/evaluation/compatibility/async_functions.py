"""Coroutines: run, await, gather, timeouts, cancellation, errors, async callbacks."""
# ruff: noqa

import asyncio


async def double(x, delay=0):
    await asyncio.sleep(delay)
    return x * 2


async def fail():
    await asyncio.sleep(0)
    raise LookupError("lost")


async def gather(*jobs):
    return await asyncio.gather(*jobs)


async def call(handler, *args):
    result = handler(*args)
    return await result if asyncio.iscoroutine(result) else result


class Job:
    def __init__(self):
        self.state = "new"

    async def run(self):
        self.state = "running"
        try:
            await asyncio.sleep(30)
            self.state = "done"
        except asyncio.CancelledError:
            self.state = "cancelled"
            raise


async def first_of(*jobs):
    tasks = [asyncio.create_task(job) for job in jobs]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    return done.pop().result()


def run_sync(x):
    return asyncio.run(double(x))


# ---- hidden tests ----

import asyncio
import pytest
from solution import Job, call, double, fail, first_of, gather, run_sync


def test_run():
    assert asyncio.run(double(2)) == 4


def test_await():
    async def main():
        return await double(1) + await double(2)

    assert asyncio.run(main()) == 6


def test_error():
    with pytest.raises(LookupError, match="lost"):
        asyncio.run(fail())


def test_gather_here():
    async def main():
        return await asyncio.gather(double(1, 0.02), double(2, 0.01))

    assert asyncio.run(main()) == [2, 4]


def test_gather_there():
    async def main():
        return await gather(double(1), double(2))

    assert asyncio.run(main()) == [2, 4]


def test_timeout():
    async def main():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(double(1, 20), 0.02)

    asyncio.run(main())


def test_cancel():
    async def main():
        job = Job()
        task = asyncio.create_task(job.run())
        await asyncio.sleep(0)
        assert job.state == "running"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return job.state

    assert asyncio.run(main()) == "cancelled"


def test_sync_callback():
    assert asyncio.run(call(lambda x: x + 1, 1)) == 2


def test_async_callback():
    async def handler(x):
        await asyncio.sleep(0)
        return x + 10

    assert asyncio.run(call(handler, 1)) == 11


def test_callback_error():
    async def handler():
        raise KeyError("k")

    with pytest.raises(KeyError):
        asyncio.run(call(handler))


def test_first():
    async def main():
        return await first_of(double(1, 5), double(2, 0.01))

    assert asyncio.run(main()) == 4


def test_sync():
    assert run_sync(4) == 8
