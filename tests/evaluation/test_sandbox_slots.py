"""Worker after worker dies: jobs go to other places, or fail and may be tried again, and the sandbox recovers."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from green_logic.errors import RetryableError
from green_logic.evaluation import sandbox_slots
from green_logic.evaluation.sandbox import Sandbox
from green_logic.evaluation.sandbox_slots import MAX_DEATHS, Slot

SOURCE = "def f(): return 1"
TESTS = "def test_a(): assert f() == 1"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.open(workers=2) as opened:
        yield opened


def passes(sandbox: Sandbox) -> bool:
    run = sandbox.run_tests(SOURCE, TESTS, kind="own")
    return [outcome.outcome for outcome in run.outcomes] == ["passed"]


def kill_workers(slot: Slot, count: int) -> None:
    """Let so many workers of one place die, each before a job of its own."""
    for _ in range(count):
        os.kill(slot._living().pid, signal.SIGKILL)
        with pytest.raises(RetryableError, match="sandbox worker"):
            slot.run(SOURCE, TESTS, "own", sandbox_slots.Limits(), None)


def test_a_place_whose_workers_keep_dying_draws_no_jobs(sandbox: Sandbox) -> None:
    broken, _ = sandbox._all
    kill_workers(broken, MAX_DEATHS)
    broken._rested_at += 600  # however slow this machine is
    assert all(passes(sandbox) for _ in range(6))
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda _: passes(sandbox), range(8)))
    assert broken.worker is None


def test_fewer_deaths_make_nobody_rest(sandbox: Sandbox) -> None:
    for slot in sandbox._all:
        kill_workers(slot, MAX_DEATHS - 1)
        assert slot.rest_s() == 0
    assert passes(sandbox)
    assert passes(sandbox)


def test_while_all_places_rest_jobs_fail_and_afterwards_they_are_done(sandbox: Sandbox) -> None:
    for slot in sandbox._all:
        kill_workers(slot, MAX_DEATHS)
        slot._rested_at += 600
    for job in (passes, lambda sandbox: sandbox.examine_tests(SOURCE, TESTS, mutants=2)):
        with pytest.raises(RetryableError, match="the next one is started in") as refusal:
            job(sandbox)
        assert "doctor" in refusal.value.hint
    assert [slot.worker for slot in sandbox._all] == [None, None]
    for slot in sandbox._all:
        slot._rested_at -= 600
    deadline = time.monotonic() + 60
    while any(slot.rest_s() for slot in sandbox._all):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert passes(sandbox)
    assert [slot._deaths for slot in sandbox._all].count(0) == 1, "the place that worked has a clean record"


def test_each_further_death_makes_the_rest_longer_but_never_longer_than_a_minute(sandbox: Sandbox) -> None:
    slot, _ = sandbox._all
    kill_workers(slot, MAX_DEATHS)
    rests = []
    for _ in range(12):
        slot._count_death()
        rests.append(slot.rest_s())
    assert rests[1] > rests[0]
    assert sandbox_slots.LONGEST_REST_S - 10 < rests[-1] <= sandbox_slots.LONGEST_REST_S
    for _ in range(2000):
        slot._count_death()
    assert 0 < slot.rest_s() <= sandbox_slots.LONGEST_REST_S


def test_who_waits_for_a_place_gets_the_one_whose_rest_ends_first(sandbox: Sandbox) -> None:
    resting, busy = sandbox._all
    resting._rested_at = time.monotonic() + 0.3
    holding, over = threading.Event(), threading.Event()

    def hold() -> None:
        with sandbox._slots.take():
            holding.set()
            over.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    holding.wait(60)
    try:
        with sandbox._slots.take() as slot:
            assert slot is resting
            assert slot is not busy
    finally:
        over.set()
        holder.join()


def test_closing_ends_the_wait_for_a_place(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(1) as pool, sandbox._slots.take(), sandbox._slots.take():
        waiting = pool.submit(passes, sandbox)
        with suppress(TimeoutError):
            waiting.exception(0.2)
        assert not waiting.done()
        sandbox.close()
        with pytest.raises(RetryableError, match="closed"):
            waiting.result(60)
    with pytest.raises(RetryableError, match="closed"):
        passes(sandbox)
